//! What the client sends while one of its commands runs.

use crate::pg::sys::compat;
use crate::pg::sys::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::ffi::{c_int, c_long};
use std::io::ErrorKind;
use std::mem::ManuallyDrop;
use std::net::TcpStream;
use std::os::fd::FromRawFd;

/// What the client has sent after the command that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing but the Sync that ends the command in the extended protocol.
    Nothing,
    /// The Sync has been read, and Postgres does not tell what was read with it (15 and 16).
    Unknown,
    /// Its next command. Or it has gone, which is found out when that command is read.
    Command,
}

/// One look at the client.
#[derive(Clone, Copy)]
pub struct Look {
    pub sent: Sent,
    /// Whether the socket holds nothing, so that waiting for it to be readable makes sense.
    is_empty: bool,
}

/// The messages Sync and Flush (protocol.sgml): a letter and the length of the rest.
const SYNC: [u8; 5] = [b'S', 0, 0, 0, 4];
const FLUSH: [u8; 5] = [b'H', 0, 0, 0, 4];

/// The type of a TLS record that holds data (RFC 8446, 5.1). No message of the protocol has this letter.
const TLS_DATA: u8 = 0x17;

/// The length of a TLS record's header, whose last two bytes are the length of the rest.
const TLS_HEADER: usize = 5;

/// A TLS record that is longer than this holds more than a Sync: 5 bytes, and at most 100 for padding and checksum.
const TLS_SYNC: usize = 128;

/// What the session has received and not yet read as messages.
enum Buffered {
    Nothing,
    /// A Sync or a Flush, and whether something follows it; `None` where that is not known.
    End(Option<bool>),
    Other,
}

/// Looks at what the client has sent, without waiting for it. Everything is left to be read.
pub fn look() -> Look {
    let look = |sent| Look {
        sent,
        is_empty: false,
    };
    let Some(socket) = socket() else {
        return look(Sent::Nothing);
    };
    let read = match buffered() {
        Buffered::Other | Buffered::End(Some(true)) => return look(Sent::Command),
        Buffered::Nothing => Sent::Nothing,
        Buffered::End(Some(false)) => Sent::Nothing,
        Buffered::End(None) => Sent::Unknown,
    };
    match received(socket) {
        Received::Nothing => Look {
            sent: read,
            is_empty: true,
        },
        Received::Part => look(read),
        Received::Sync if matches!(buffered(), Buffered::Nothing) => look(Sent::Nothing),
        Received::Record if matches!(buffered(), Buffered::Nothing) => {
            // It takes decrypting to know what it is.
            peek();
            match buffered() {
                Buffered::Nothing | Buffered::End(Some(false)) => look(Sent::Nothing),
                Buffered::End(None) => look(Sent::Unknown),
                Buffered::End(Some(true)) | Buffered::Other => look(Sent::Command),
            }
        }
        Received::Sync | Received::Record | Received::Other => look(Sent::Command),
    }
}

impl Look {
    /// Sleeps for this long, or less when the session is woken or the client sends something. Raises the error of a
    /// cancelled query or a timeout.
    pub fn nap(&self, milliseconds: i64) {
        if !self.is_empty {
            return super::wait::nap(milliseconds);
        }
        // SAFETY: the session's own set, which its reads of the socket use and set up before each use (be-secure.c,
        // secure_read): the socket is first, then the latch, which is reset as in `wait::nap`, then the postmaster.
        let event = unsafe {
            let mut event = pg_sys::WaitEvent::default();
            let set = raw::FeBeWaitSet;
            let readable = pg_sys::WL_SOCKET_READABLE;
            pg_sys::ModifyWaitEvent(set, 0, readable, std::ptr::null_mut());
            let timeout = milliseconds as c_long;
            let wait = pg_sys::PG_WAIT_EXTENSION;
            pg_sys::WaitEventSetWait(set, timeout, &mut event, 1, wait);
            pg_sys::ResetLatch(pg_sys::MyLatch);
            event
        };
        if event.events & pg_sys::WL_POSTMASTER_DEATH != 0 {
            // This one ends the session then.
            super::wait::nap(0);
        }
        pgrx::check_for_interrupts!();
    }
}

/// The client's socket; `None` in a session that no client is connected to.
fn socket() -> Option<c_int> {
    // SAFETY: null in processes without a client; the socket is the struct's first field (libpq-be.h, Port).
    unsafe {
        let port = pg_sys::MyProcPort;
        if port.is_null() {
            return None;
        }
        Some(*port.cast::<c_int>()).filter(|socket| *socket >= 0)
    }
}

fn buffered() -> Buffered {
    let bytes = compat::received_bytes();
    if bytes == compat::Bytes::Exactly(0) {
        return Buffered::Nothing;
    }
    match peek() {
        Some(first) if first == SYNC[0] || first == FLUSH[0] => Buffered::End(match bytes {
            compat::Bytes::Exactly(bytes) => Some(bytes > SYNC.len()),
            compat::Bytes::Some => None,
        }),
        _ => Buffered::Other,
    }
}

/// The first byte of what the client has sent; waits for it if there is none. `None` if the client has gone.
fn peek() -> Option<u8> {
    // SAFETY: no message is being read while a command runs; the byte stays where it is (pqcomm.c).
    let byte = unsafe {
        pg_guard_ffi_boundary(|| {
            raw::pq_startmsgread();
            let byte = raw::pq_peekbyte();
            raw::pq_endmsgread();
            byte
        })
    };
    u8::try_from(byte).ok()
}

/// What the socket holds.
#[derive(Debug, PartialEq, Eq)]
enum Received {
    Nothing,
    /// The beginning of a Sync or of a TLS record.
    Part,
    Sync,
    /// A short TLS record, whole.
    Record,
    /// Something else, or the end of the connection.
    Other,
}

fn received(socket: c_int) -> Received {
    // SAFETY: the socket is open as long as the session is; it is not closed here. Peeking works on sockets of any kind.
    let stream = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(socket) });
    let mut bytes = [0; TLS_HEADER + TLS_SYNC + 1];
    // A session's socket never blocks (pqcomm.c, pq_init).
    match stream.peek(&mut bytes) {
        Ok(count) => kind(&bytes[..count]),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Received::Nothing
        }
        Err(_) => Received::Other,
    }
}

/// What the bytes at the beginning of a socket's buffer are.
fn kind(bytes: &[u8]) -> Received {
    if bytes == SYNC {
        return Received::Sync;
    }
    if !bytes.is_empty() && SYNC.starts_with(bytes) {
        return Received::Part;
    }
    match bytes {
        [TLS_DATA, _, _, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            match length.cmp(&rest.len()) {
                _ if length > TLS_SYNC => Received::Other,
                std::cmp::Ordering::Greater => Received::Part,
                std::cmp::Ordering::Equal => Received::Record,
                // The next record is there, too.
                std::cmp::Ordering::Less => Received::Other,
            }
        }
        [TLS_DATA, ..] => Received::Part,
        _ => Received::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{kind, Received, SYNC};

    #[test]
    fn a_sync_is_no_command() {
        assert_eq!(kind(&SYNC), Received::Sync);
        assert_eq!(kind(&SYNC[..2]), Received::Part);
        assert_eq!(kind(b"S\0\0\0\x04Q"), Received::Other);
        assert_eq!(kind(b"Q\0\0\0\x0d"), Received::Other);
        assert_eq!(kind(b""), Received::Other);
    }

    #[test]
    fn a_short_record_may_be_a_sync() {
        let mut record = vec![0x17, 3, 3, 0, 22];
        assert_eq!(kind(&record), Received::Part);
        record.extend([0; 22]);
        assert_eq!(kind(&record), Received::Record);
        record.push(0x17);
        assert_eq!(kind(&record), Received::Other);
        assert_eq!(kind(&[0x17, 3, 3, 1, 0]), Received::Other);
    }
}
