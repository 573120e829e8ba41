//! What is told of **teams**: facts as they were recorded, none ever changed,
//! and how many hosts were looked at on each day.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::Result;
use crate::exposure::Day;
use crate::identifier::fresh;
use crate::leases::{Lease, fence};
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::measures::targets::Coverage;
use plimsoll_core::model::identifier::{ApplicationId, ClientId, TokenId};
use plimsoll_core::operations::teams::{Described, Fact, Recorded};
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

fn read(row: &AnyRow) -> Result<Recorded> {
    Ok(Recorded { client: row.parsed("client")?, at: row.time("at")?, by: row.text("person")?, fact: row.json("content")? })
}

impl Store {
    /// Facts of the clients within a scope up to a moment, in the order they
    /// were recorded.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn team_facts(&self, scope: &Scope, until: Timestamp) -> Result<Vec<Recorded>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        let until = conditions.number(until.as_microsecond());
        conditions.and(format!("at <= {until}"));
        let sql = format!("SELECT * FROM team_facts{} ORDER BY at, place, id", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// How many hosts of each client were looked at, by the last day from
    /// `since` to `day` that somebody looked.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn coverage(&self, since: Day, day: Day) -> Result<BTreeMap<ClientId, Coverage>> {
        let rows = sqlx::query("SELECT * FROM coverage_days WHERE day >= $1 AND day <= $2 ORDER BY day")
            .bind(since)
            .bind(day)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(|row| Ok((row.parsed("client")?, row.json("content")?))).collect()
    }

    /// Notes how many hosts are looked at today. A roll-up that nobody
    /// decides: it has no leaf.
    ///
    /// # Errors
    /// The lease was lost; the store cannot be reached.
    pub async fn put_coverage(&self, lease: &Lease, day: Day, rows: &BTreeMap<ClientId, Coverage>) -> Result<()> {
        let mut transaction = self.writer().await?;
        fence(&mut transaction, lease).await?;
        for (client, coverage) in rows {
            sqlx::query(
                "INSERT INTO coverage_days (client, day, content) VALUES ($1, $2, $3)
                 ON CONFLICT (client, day) DO UPDATE SET content = excluded.content",
            )
            .bind(client.to_string())
            .bind(day)
            .bind(to_json(coverage)?)
            .execute(&mut *transaction)
            .await?;
        }
        self.commit(transaction).await
    }
}

impl Change {
    /// Records a fact about teams.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn tell_of_teams(&mut self, client: ClientId, fact: &Fact) -> Result<()> {
        let now = self.time();
        let object = self.tell_quietly(client, now, fact).await?;
        self.concerns(client);
        self.record_personal(&object, None, Some(fact))
    }

    /// Keeps how an application is described from now on. What it was before
    /// anything was kept of it goes first, as of when it was made.
    pub(crate) async fn describe(&mut self, client: ClientId, before: Option<Described>, after: Described) -> Result<()> {
        if let Some(before) = before
            && !self.is_described(client, before.application).await?
        {
            let made = before.created;
            self.tell_quietly(client, made, &Fact::Described(before)).await?;
        }
        let now = self.time();
        self.tell_quietly(client, now, &Fact::Described(after)).await.map(drop)
    }

    async fn is_described(&mut self, client: ClientId, application: ApplicationId) -> Result<bool> {
        // As the fact is written: kind, then the application. A range instead of
        // LIKE, which differs between the engines.
        let begins = format!("{{\"kind\":\"described\",\"application\":\"{application}\"");
        let row = sqlx::query("SELECT id FROM team_facts WHERE client = $1 AND content >= $2 AND content < $3 LIMIT 1")
            .bind(client.to_string())
            .bind(begins.as_str())
            .bind(format!("{begins}\u{10ffff}"))
            .fetch_optional(self.connection())
            .await?;
        Ok(row.is_some())
    }

    async fn tell_quietly(&mut self, client: ClientId, at: Timestamp, fact: &Fact) -> Result<String> {
        let id = TokenId::from_bits(fresh(self.time())?).to_string();
        let by = self.actor().name.clone().unwrap_or_else(|| self.actor().id.clone());
        sqlx::query("INSERT INTO team_facts (id, client, at, person, content, place) VALUES ($1, $2, $3, $4, $5, (SELECT COALESCE(MAX(place), 0) + 1 FROM team_facts))")
            .bind(id.as_str())
            .bind(client.to_string())
            .bind(at.as_microsecond())
            .bind(by)
            .bind(to_json(fact)?)
            .execute(self.connection())
            .await?;
        Ok(format!("team-fact:{id}"))
    }
}
