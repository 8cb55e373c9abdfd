//! A proxy before us that has logged people in already (Authelia, Authentik, oauth2-proxy, …) and says in a header who
//! asks. Off unless a header is set; and believed only from the peers that the settings name, since anyone can send one.

use std::borrow::Cow;
use std::net::IpAddr;

use http::HeaderMap;

use super::access::{By, User};
use super::session::new_token;
use super::{Account, NewUser, create_user, find_user_by_name};
use crate::app::{App, Via};
use crate::config::{self, TrustedPeer};
use crate::error::{Error, Result};

/// Who the proxy says that asks, if it is one that is believed.
pub(super) fn claim<'a>(
    settings: &config::ForwardAuth,
    via: Option<Via>,
    headers: &'a HeaderMap,
) -> Option<Cow<'a, str>> {
    if settings.header.is_empty() {
        return None;
    }
    let mut said = headers.get_all(&settings.header).iter();
    let name = said.next()?;
    // The address is nginx's word or the connection's own (see `Client`); by no other door can a proxy come.
    let peer = match via? {
        Via::Root => return None,
        Via::Nginx | Via::Direct => headers.get("x-real-ip").and_then(|a| a.to_str().ok()?.parse().ok()),
    };
    if !is_trusted(&settings.trusted, via == Some(Via::Nginx), peer) {
        return None;
    }
    // Two of them: one may be the client's own.
    let is_only_one = said.next().is_none();
    Some(String::from_utf8_lossy(name.as_bytes())).filter(|name| is_only_one && !name.trim().is_empty())
}

fn is_trusted(trusted: &[String], is_nginx: bool, peer: Option<IpAddr>) -> bool {
    trusted.iter().filter_map(|text| TrustedPeer::of(text)).any(|entry| match entry {
        TrustedPeer::Nginx => is_nginx,
        TrustedPeer::Network(network) => peer.is_some_and(|address| network.contains(address)),
    })
}

/// The account of that name, made if the settings allow.
///
/// # Errors
/// When nobody has the name.
pub(super) async fn user(app: &App, name: &str) -> Result<User> {
    let client = app.db.get().await?;
    let account = match find_user_by_name(&client, name).await {
        Err(Error::NotFound(_)) if app.settings.forward_auth.create_users => make(&client, name).await?,
        Err(Error::NotFound(_)) => {
            return Err(Error::Forbidden(
                "Nobody here has your name: ask the admin of this house for an account.",
            ));
        }
        found => found?,
    };
    Ok(User { id: account.id, username: account.username, is_admin: account.is_admin, by: By::Proxy })
}

/// With a password that nobody knows: this one comes through the proxy only, until an admin sets another.
async fn make(client: &crate::db::Client, name: &str) -> Result<Account> {
    let password = new_token()?.into();
    match create_user(client, NewUser { username: name, password: &password, is_admin: false }).await {
        Ok(account) => {
            tracing::info!(user_id = account.id, "the proxy brought someone new");
            Ok(account)
        }
        // Another request of theirs was first.
        Err(refused) => find_user_by_name(client, name).await.map_err(|_| refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn said(trusted: &[&str], via: Option<Via>, pairs: &[(&'static str, &str)]) -> Option<String> {
        let settings = config::ForwardAuth {
            header: "Remote-User".into(),
            trusted: trusted.iter().map(|t| (*t).into()).collect(),
            create_users: false,
        };
        claim(&settings, via, &headers(pairs)).map(Cow::into_owned)
    }

    const ADA: (&str, &str) = ("remote-user", "ada");
    const PROXY: (&str, &str) = ("x-real-ip", "10.1.2.3");

    #[test]
    fn only_a_trusted_peer_is_believed() {
        let nginx = Some(Via::Nginx);
        assert_eq!(said(&["10.1.0.0/16"], nginx, &[ADA, PROXY]).as_deref(), Some("ada"));
        assert_eq!(said(&["10.1.2.3"], Some(Via::Direct), &[ADA, PROXY]).as_deref(), Some("ada"));
        assert_eq!(said(&["10.2.0.0/16", "::1"], nginx, &[ADA, PROXY]), None);
        assert_eq!(said(&[], nginx, &[ADA, PROXY]), None);
        assert_eq!(said(&["10.1.2.3"], nginx, &[ADA]), None);
        // Whose address nobody vouches for.
        assert_eq!(said(&["10.1.2.3"], None, &[ADA, PROXY]), None);
    }

    #[test]
    fn nginx_itself_can_be_trusted_by_name() {
        assert_eq!(said(&["nginx"], Some(Via::Nginx), &[ADA, PROXY]).as_deref(), Some("ada"));
        assert_eq!(said(&["nginx"], Some(Via::Direct), &[ADA, PROXY]), None);
    }

    #[test]
    fn a_header_that_is_there_twice_or_empty_says_nothing() {
        let all = ["0.0.0.0/0"];
        assert_eq!(said(&all, Some(Via::Nginx), &[ADA, ("remote-user", "bob"), PROXY]), None);
        assert_eq!(said(&all, Some(Via::Nginx), &[("remote-user", " "), PROXY]), None);
        let off = config::ForwardAuth {
            header: String::new(),
            trusted: vec!["0.0.0.0/0".into()],
            create_users: true,
        };
        assert!(claim(&off, Some(Via::Nginx), &headers(&[ADA, PROXY])).is_none());
    }
}
