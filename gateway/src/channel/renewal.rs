//! Tokens of a channel: who its client is, until when, and the change to a new one.

use super::Channel;
use crate::feed::Who;
use crate::lock;
use crate::node::{now, Denied};
use crate::token::{Claims, Refusal, MAX_TOKEN};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

/// Who the client of a channel is.
pub struct Identity {
    /// The token of the connection.
    connected_with: Arc<str>,
    /// The token that counts.
    token: Arc<str>,
    /// `None` before the channel is joined.
    pub who: Option<Who>,
}

/// The longest that a token counts without being checked again: its key may have been withdrawn.
const RECHECK: Duration = Duration::from_secs(300);

/// How often a token may be replaced.
const PAUSE: Duration = Duration::from_secs(1);

/// Keys of Supabase that are no tokens. With one, the token of the connection counts.
const OPAQUE: &str = "sb_";

#[derive(Deserialize)]
struct Payload {
    access_token: Option<String>,
}

impl Identity {
    pub fn new(token: Arc<str>) -> Identity {
        Identity {
            connected_with: token.clone(),
            token,
            who: None,
        }
    }
}

impl Channel {
    /// Takes the token of a join, or that of the connection. Errors: the text of the refusal.
    pub(super) fn identify(
        &self,
        identity: &mut Identity,
        token: Option<&str>,
    ) -> Result<Who, String> {
        let token = token.filter(|token| !token.is_empty() && !token.starts_with(OPAQUE));
        identity.token = token.map_or_else(|| identity.connected_with.clone(), Into::into);
        match self.node.admit(&identity.token) {
            Ok((who, claims)) => {
                self.watch(&identity.token, &claims);
                identity.who = Some(who.clone());
                Ok(who)
            }
            Err(Denied::Token(refusal)) => Err(format!("{}: {}", refusal.code(), refusal.text())),
            Err(Denied::Role) => Err(format!("Unauthorized: {}", self.no_permission())),
        }
    }

    pub(super) fn no_permission(&self) -> String {
        let topic = self.topic.strip_prefix("realtime:").unwrap_or(&self.topic);
        format!("You do not have permissions to read from this Channel topic: {topic}")
    }

    /// The message `access_token`: other claims from now on. What was not sent yet is judged by these.
    pub fn renew(&self, payload: &RawValue) {
        let Ok(Payload {
            access_token: Some(token),
        }) = serde_json::from_str(payload.get())
        else {
            return;
        };
        if token.starts_with(OPAQUE) {
            return;
        }
        if token.len() > MAX_TOKEN {
            return self.expel(&Denied::Token(Refusal::Malformed));
        }
        let Some(me) = self.me.upgrade() else { return };
        // The last one counts; who sends more than one a second waits for that one only.
        let is_first = lock(&self.state).token.replace(token).is_none();
        if is_first {
            self.spawn(async move {
                loop {
                    let token = lock(&me.state).token.clone().unwrap_or_default();
                    me.take_token(&token).await;
                    tokio::time::sleep(PAUSE).await;
                    let mut state = lock(&me.state);
                    if state.token.as_deref() == Some(&*token) {
                        state.token = None;
                        return;
                    }
                }
            });
        }
    }

    async fn take_token(&self, token: &str) {
        // Before anything is waited for: the old token may expire meanwhile.
        let (who, claims) = match self.node.admit(token) {
            Ok(admitted) => admitted,
            Err(denied) => return self.expel(&denied),
        };
        let token: Arc<str> = token.into();
        self.watch(&token, &claims);
        let mut identity = self.turn.lock().await;
        if identity.token == token {
            return;
        }
        // Again: it may have been a join that was waited for.
        self.watch(&token, &claims);
        identity.token = token;
        let before = identity.who.replace(who.clone());
        if before.as_ref() == Some(&who) {
            return;
        }
        let legs = lock(&self.state).legs.clone();
        for leg in legs {
            self.node.feed.renew(leg, who.clone());
        }
        let (has_groups, owes) = {
            let state = lock(&self.state);
            (!state.groups.is_empty(), !state.owed.is_empty())
        };
        self.renewed.notify_waiters();
        if has_groups && !owes {
            self.about_changes(true, super::join::SUBSCRIBED);
        }
    }

    fn expel(&self, denied: &Denied) {
        if matches!(denied, Denied::Token(Refusal::Expired(_))) {
            ::metrics::counter!(crate::metrics::TOKENS_EXPIRED).increment(1);
        }
        match denied {
            Denied::Token(refusal) => self.close_with(&refusal.text()),
            Denied::Role => self.close_with(&self.no_permission()),
        }
    }

    /// Checks the token again when it expires, or after [`RECHECK`].
    fn watch(&self, token: &Arc<str>, claims: &Claims) {
        let (me, token, expires) = (self.me.clone(), token.clone(), claims.expires);
        let task = self.spawn(async move {
            loop {
                let left = u64::try_from(expires.saturating_sub(now())).unwrap_or(0);
                // A clock in whole seconds: one at least, or the loop would spin through the last one.
                let pause = Duration::from_secs(left.max(1)).min(RECHECK);
                tokio::time::sleep(pause).await;
                let Some(channel) = me.upgrade() else { return };
                if let Err(denied) = channel.node.admit(&token) {
                    return channel.expel(&denied);
                }
            }
        });
        let before = lock(&self.state).expiry.replace(task);
        if let Some(before) = before {
            before.abort();
        }
    }
}
