//! What a client gets: the small shapes that several rooms answer with.

use serde::Serialize;
use utoipa::ToSchema;

/// A sentence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Message {
    /// For people; programs read the status and the other fields.
    pub message: String,
}

impl Message {
    /// This sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// One word.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Status {
    /// `updated`, `deleted`, …
    pub status: &'static str,
}

/// Work that was begun and goes on after this answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Started {
    /// `started`
    pub status: &'static str,
    /// The job, as clients of the first version read it.
    pub task_id: String,
    /// The job.
    pub job_id: i64,
}

impl Started {
    /// This job was enqueued.
    pub fn job(job_id: i64) -> Self {
        Self { status: "started", task_id: job_id.to_string(), job_id }
    }
}
