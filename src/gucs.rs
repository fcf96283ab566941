//! Every setting of the extension, each with the reason for its default.

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::CString;

/// The name that Supabase Realtime listens on, so that both can serve the same tables.
static PUBLICATION: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c"supabase_realtime"));

/// A day: longer than a deployment or outage after which a client should not have to read its table again.
static RETENTION: GucSetting<i32> = GucSetting::<i32>::new(24 * 60 * 60);

/// 8 GB, in MB: fits on a small volume, and holds a busy day of a large application.
static MAX_LOG_SIZE: GucSetting<i32> = GucSetting::<i32>::new(8 * 1024);

/// 1 MiB: the size up to which Supabase's server delivers messages whole.
static MAX_RECORD_BYTES: GucSetting<i32> = GucSetting::<i32>::new(1024 * 1024);

/// 16 MiB: far above any row that a screen shows, and far below the limit of an append (1 GB).
static MAX_IMAGE_BYTES: GucSetting<i32> = GucSetting::<i32>::new(16 * 1024 * 1024);

/// 16 MiB: a batch is computed completely in memory before its first row is returned.
static MAX_BATCH_BYTES: GucSetting<i32> = GucSetting::<i32>::new(16 * 1024 * 1024);

/// 60 s: under the idle limits of common proxies and poolers.
static MAX_WAIT: GucSetting<i32> = GucSetting::<i32>::new(60_000);

/// On. Off is for bulk loads: a transaction then writes one gap entry per relation and nothing else.
static ENABLED: GucSetting<bool> = GucSetting::<bool>::new(true);

/// On: dashboards and migrations make a table realtime by adding it to the publication. Off is for those who only publish.
static FOLLOW_PUBLICATION: GucSetting<bool> = GucSetting::<bool>::new(true);

/// On. Off is for finding out whether a policy is judged otherwise for many readers than for one.
static SHARE_POLICIES: GucSetting<bool> = GucSetting::<bool>::new(true);

/// Defines the settings; called once, by `_PG_init`.
pub fn init() {
    GucRegistry::define_string_guc(
        c"pgrealtime.publication",
        c"Publication whose tables are realtime.",
        c"pgrealtime.enable() adds tables to it, and creates it if it does not exist.",
        &PUBLICATION,
        GucContext::Sighup,
        GucFlags::IS_NAME,
    );
    GucRegistry::define_int_guc(
        c"pgrealtime.retention",
        c"Minimum time for which the change log keeps a change.",
        c"A cursor that is older than this may be refused. Its reader must then read the table again.",
        &RETENTION,
        1,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"pgrealtime.max_log_size",
        c"Size above which the change log drops its oldest segments before their retention ends.",
        c"The log stays below this plus two segments.",
        &MAX_LOG_SIZE,
        1,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_MB,
    );
    GucRegistry::define_int_guc(
        c"pgrealtime.max_record_bytes",
        c"Size of a change message above which only its key and small values are kept.",
        c"Such a message carries the error \"Error 413: Payload Too Large\".",
        &MAX_RECORD_BYTES,
        1024,
        1024 * 1024 * 1024 - 1,
        GucContext::Suset,
        GucFlags::UNIT_BYTE,
    );
    GucRegistry::define_int_guc(
        c"pgrealtime.max_image_bytes",
        c"Size of a row above which its large values are not captured.",
        c"A value that was not captured is absent from its change, never NULL.",
        &MAX_IMAGE_BYTES,
        16 * 1024,
        // An entry holds two images, and no more than 1 GB (MaxAllocSize, memutils.h).
        256 * 1024 * 1024,
        GucContext::Suset,
        GucFlags::UNIT_BYTE,
    );
    GucRegistry::define_int_guc(
        c"pgrealtime.max_batch_bytes",
        c"Size of the messages after which changes_since ends a batch.",
        c"A batch always holds at least one change.",
        &MAX_BATCH_BYTES,
        1024,
        512 * 1024 * 1024,
        GucContext::Suset,
        GucFlags::UNIT_BYTE,
    );
    GucRegistry::define_int_guc(
        c"pgrealtime.max_wait",
        c"Maximum time for which wait_for_changes waits.",
        c"Longer timeouts are reduced to it.",
        &MAX_WAIT,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_bool_guc(
        c"pgrealtime.enabled",
        c"Whether row changes are captured.",
        c"When it is off, a transaction writes one gap entry per relation that it changed. Meant for bulk loads.",
        &ENABLED,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"pgrealtime.follow_publication",
        c"Whether tables that are added to the publication become realtime, and those that are removed from it do not stay it.",
        c"When it is off, only pgrealtime.enable() and pgrealtime.disable() decide that.",
        &FOLLOW_PUBLICATION,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"pgrealtime.share_policies",
        c"Whether fan_out works out policies once for many readers where it can.",
        c"When it is off, the policies are run for each reader by themselves. What readers receive is the same; meant for diagnosis.",
        &SHARE_POLICIES,
        GucContext::Suset,
        GucFlags::default(),
    );
    crate::pg::reserve_setting_prefix(c"pgrealtime");
}

/// Name of the publication. Allocates: not for the row path.
pub fn publication() -> String {
    PUBLICATION
        .get()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Minimum number of seconds for which the log keeps a change.
pub fn retention_seconds() -> i64 {
    i64::from(RETENTION.get())
}

/// Bytes above which the log drops segments early.
pub fn max_log_bytes() -> i64 {
    i64::from(MAX_LOG_SIZE.get()) * 1024 * 1024
}

/// Size of a message in bytes above which large values are left out.
pub fn max_record_bytes() -> usize {
    MAX_RECORD_BYTES.get() as usize
}

/// Size of an image in bytes above which large values are left out.
pub fn max_image_bytes() -> usize {
    MAX_IMAGE_BYTES.get() as usize
}

/// Total size of the messages in bytes after which a batch ends.
pub fn max_batch_bytes() -> usize {
    MAX_BATCH_BYTES.get() as usize
}

/// Maximum number of milliseconds that a long poll waits.
pub fn max_wait_ms() -> i64 {
    i64::from(MAX_WAIT.get())
}

/// Whether triggers capture changes.
pub fn enabled() -> bool {
    ENABLED.get()
}

/// Whether tables become realtime by being published.
pub fn follow_publication() -> bool {
    FOLLOW_PUBLICATION.get()
}

/// Whether readers may share answers of policies.
pub fn share_policies() -> bool {
    SHARE_POLICIES.get()
}
