//! Logs and spans.

/// The id of the request (or of the job that a request caused) that is being worked on, if any.
pub fn current_request_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

tokio::task_local! {
    /// Set around each request and each job.
    pub static REQUEST_ID: String;
}
