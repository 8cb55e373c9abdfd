//! What systemd tells: a unit that failed for good.

use serde_json::json;

use crate::db::Sql;
use crate::error::Result;

const PUT: &str = "select message_put('unit_failed', $1, null, $2)::text";

/// Tells the admins of a unit that failed, and how, in systemd's words.
pub async fn tell_unit_failed(client: &impl Sql, unit: &str, result: &str) -> Result<()> {
    client.row(PUT, &[&unit, &json!({"unit": unit, "result": result})]).await?;
    Ok(())
}
