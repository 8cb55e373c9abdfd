//! The row of a target: a way to a person, and what they want to be told of by it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::news::{EVENTS, event};
use crate::config::Settings;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::integrations::letters::{is_mail_address, ntfy_topic};
use crate::integrations::{Reach, check_host};

/// More ways than anyone has.
const MOST: i64 = 20;
const MAX_ADDRESS: usize = 500;

/// As clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Target {
    /// The row.
    pub id: i64,
    /// `webhook`, `ntfy`, `email`.
    pub kind: String,
    /// Of the webhook, of the topic at ntfy (`https://ntfy.sh/topic`), of the person.
    pub address: String,
    /// What is told by it.
    pub events: Vec<String>,
    /// Whether anything is.
    pub is_enabled: bool,
    /// When something was told last.
    pub last_sent_at: Option<Timestamp>,
    /// Why that failed, if it did.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a person wants.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct NewTarget {
    /// `webhook`, `ntfy`, `email`.
    pub kind: String,
    /// Of the webhook, of the topic at ntfy (`https://ntfy.sh/topic`), of the person.
    pub address: String,
    /// What to tell by it; all that concerns this person, when it is not said.
    pub events: Option<Vec<String>>,
    /// Whether anything is told; so unless it is said otherwise.
    pub is_enabled: Option<bool>,
}

impl From<&Row> for Target {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            kind: row.get("kind"),
            address: row.get("address"),
            events: row.get("events"),
            is_enabled: row.get("is_enabled"),
            last_sent_at: row.get("last_sent_at"),
            last_error: row.get("last_error"),
            created_at: row.get("created_at"),
        }
    }
}

const OF_USER: &str = "select id, kind, address, events, is_enabled, last_sent_at, last_error, created_at
    from message_target where user_id = $1 order by id";
const INSERT: &str = "insert into message_target (user_id, kind, address, events, is_enabled)
    select $1, $2, $3, $4, $5 where (select count(*) from message_target where user_id = $1) < $6
    returning id, kind, address, events, is_enabled, last_sent_at, last_error, created_at";
const UPDATE: &str =
    "update message_target set kind = $3, address = $4, events = $5, is_enabled = $6, last_error = null,
        failures = 0, not_before = '-infinity'
    where id = $1 and user_id = $2
    returning id, kind, address, events, is_enabled, last_sent_at, last_error, created_at";
const DELETE: &str = "delete from message_target where id = $1 and user_id = $2";

/// How far a person's addresses may lead.
pub fn reach(settings: &Settings, is_admin: bool) -> Reach {
    match (is_admin, settings.notifications.private_targets) {
        (true, _) => Reach::Machine,
        (false, true) => Reach::House,
        (false, false) => Reach::World,
    }
}

/// A person's.
pub async fn of_user(client: &impl Sql, user_id: i64) -> Result<Vec<Target>> {
    Ok(client.rows(OF_USER, &[&user_id]).await?.iter().map(Target::from).collect())
}

/// Makes one.
pub async fn create(client: &impl Sql, user_id: i64, wanted: &Checked) -> Result<Target> {
    let Checked { kind, address, events, is_enabled } = wanted;
    let made = client.maybe_row(INSERT, &[&user_id, kind, address, events, is_enabled, &MOST]).await;
    let row = made.map_err(twice)?;
    row.as_ref().map(Target::from).ok_or_else(|| Error::Conflict(format!("There are {MOST} already.")))
}

/// Makes one another.
pub async fn change(client: &impl Sql, user_id: i64, id: i64, wanted: &Checked) -> Result<Target> {
    let Checked { kind, address, events, is_enabled } = wanted;
    let row =
        client.maybe_row(UPDATE, &[&id, &user_id, kind, address, events, is_enabled]).await.map_err(twice)?;
    row.as_ref().map(Target::from).ok_or(Error::NotFound("There is no such target"))
}

/// Forgets one, and what it had still to tell.
pub async fn remove(client: &impl Sql, user_id: i64, id: i64) -> Result<()> {
    match client.run(DELETE, &[&id, &user_id]).await? {
        0 => Err(Error::NotFound("There is no such target")),
        _ => Ok(()),
    }
}

fn twice(error: Error) -> Error {
    if error.constraint() == Some("message_target_once") {
        return Error::Conflict("This address is there already.".into());
    }
    error
}

/// What is wanted, and fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    kind: String,
    address: String,
    events: Vec<String>,
    is_enabled: bool,
}

impl NewTarget {
    /// Judged for a person.
    ///
    /// # Errors
    /// `Field`
    pub fn checked(self, settings: &Settings, is_admin: bool) -> Result<Checked> {
        let address = self.address.trim().to_owned();
        let wrong = |message: String| Err(Error::Field { field: "address", message });
        if address.len() > MAX_ADDRESS || address.chars().any(char::is_control) {
            return wrong("must be one line, and not a long one".into());
        }
        match self.kind.as_str() {
            "email" if !is_mail_address(&address) => return wrong("must be an e-mail address".into()),
            "email" => {}
            "ntfy" if ntfy_topic(&address).is_none() => {
                return wrong("must name a topic, such as https://ntfy.sh/my-topic".into());
            }
            "ntfy" | "webhook" => {
                if let Err(why) = check_host(&address, reach(settings, is_admin)) {
                    return wrong(format!("cannot be used: {why}"));
                }
            }
            _ => {
                return Err(Error::Field { field: "kind", message: "must be webhook, ntfy or email".into() });
            }
        }
        let events = self.events.unwrap_or_else(|| concerning(is_admin));
        if let Some(unknown) = events.iter().find(|name| !concerning(is_admin).contains(name)) {
            let message = match event(unknown) {
                Some(_) => format!("{unknown} is for admins"),
                None => format!("there is no event called {}", unknown.escape_debug()),
            };
            return Err(Error::Field { field: "events", message });
        }
        Ok(Checked { kind: self.kind, address, events, is_enabled: self.is_enabled.unwrap_or(true) })
    }
}

/// What concerns a person.
pub fn concerning(is_admin: bool) -> Vec<String> {
    EVENTS
        .iter()
        .filter(|event| is_admin || !event.is_for_admins)
        .map(|event| event.name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(kind: &str, address: &str, events: Option<&[&str]>, is_admin: bool) -> Result<Checked, String> {
        let events = events.map(|all| all.iter().map(|e| (*e).to_owned()).collect());
        let new = NewTarget { kind: kind.into(), address: address.into(), events, is_enabled: None };
        new.checked(&Settings::default(), is_admin).map_err(|e| e.to_string())
    }

    #[test]
    fn a_member_is_told_of_what_is_theirs_and_leads_nobody_into_the_house() {
        let of_all = judged("email", "ada@example.org", None, false).unwrap();
        assert_eq!(of_all.events, ["review_needed", "download_failed"]);
        assert_eq!(judged("ntfy", "https://ntfy.sh/x", None, true).unwrap().events.len(), EVENTS.len());
        let refused =
            |kind, address, events: Option<&[&str]>| judged(kind, address, events, false).unwrap_err();
        assert!(refused("webhook", "http://192.168.1.1/", None).contains("network"));
        assert!(refused("webhook", "http://127.0.0.1/", None).contains("network"));
        assert!(judged("webhook", "http://127.0.0.1:8080/x", None, true).is_ok());
        assert!(refused("email", "nobody", None).contains("e-mail"));
        assert!(refused("ntfy", "https://ntfy.sh/", None).contains("topic"));
        assert!(refused("pigeon", "https://x/y", None).contains("kind"));
        assert!(refused("email", "a@b.c", Some(&["disk_low"])).contains("for admins"));
        assert!(refused("email", "a@b.c", Some(&["rain"])).contains("no event"));
    }
}
