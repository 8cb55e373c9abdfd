//! Copies of the database that are proven to be readable. Owns `backup` and the files in `backup_dir`.
//!
//! Invariants: a file with a backup's name is whole, flushed to the disk and was read to its end by `pg_restore`; its
//! SHA-256 lies beside it before it has that name. Nothing here deletes a backup: they are all kept, and which to let go
//! is the retention's to decide, which counts verified ones (a later issue).

mod file;
mod http;
mod make;
mod make_backup;
mod record;
mod tools;

pub use http::routes;
pub use make::{Made, Purpose, Step, run};
pub use make_backup::MakeBackup;
pub use record::{Backup, list};
pub use tools::{Connection, Tools};
