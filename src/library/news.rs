//! What happened to the library's rows, for whoever shows them: the event `library:updated`.

use serde_json::{Value, json};

use crate::db::Sql;
use crate::error::Result;
use crate::events::{self, Audience};

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is there now, or there again.
    Created,
    /// It is not what it was.
    Updated,
    /// It is gone.
    Deleted,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// Tells everyone, in the caller's transaction. `entity` is what it is about (`("album", 7)`), none when it is about much
/// of the library; `more` what a page may want to know too: `album_ids`, `artist_ids`, …
pub async fn tell_updated(
    tx: &impl Sql,
    entity: Option<(&str, i64)>,
    action: Action,
    more: Value,
) -> Result<()> {
    events::publish(tx, "library:updated", Audience::Everyone, &told(entity, action, more)).await?;
    Ok(())
}

fn told(entity: Option<(&str, i64)>, action: Action, more: Value) -> Value {
    let mut told = json!({
        "entity_type": entity.map_or("library", |(kind, _)| kind), "entity_id": entity.map(|(_, id)| id),
        "action": action.name(),
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        told[name] = value.clone();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_happened_to_which_row_and_what_else_there_is_to_say() {
        let one = told(Some(("album", 7)), Action::Deleted, json!({"album_ids": [7]}));
        assert_eq!(
            one,
            json!({"entity_type": "album", "entity_id": 7, "action": "deleted", "album_ids": [7]})
        );
        let all = told(None, Action::Updated, Value::Null);
        assert_eq!(all, json!({"entity_type": "library", "entity_id": null, "action": "updated"}));
    }
}
