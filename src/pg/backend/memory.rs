//! Memory contexts with an owner: one kind lives as long as a plan, the other as long as a message.

use pgrx::pg_sys;
use std::cell::Cell;
use std::marker::PhantomData;

/// A memory context for what Postgres allocates for a plan: descriptors, look-up data of functions.
pub struct Memory {
    context: pg_sys::MemoryContext,
}

impl Memory {
    /// A new context, freed with the owner.
    pub fn new() -> Memory {
        Memory {
            context: create(c"pgrealtime plan"),
        }
    }

    /// The context, for functions that take one.
    pub(in crate::pg) fn context(&self) -> pg_sys::MemoryContext {
        self.context
    }

    /// Runs `build` with this context as the current one.
    pub fn within<T>(&self, build: impl FnOnce() -> T) -> T {
        self.arena().within(build)
    }

    /// Where values can be put that then borrow this.
    pub fn arena(&self) -> Arena<'_> {
        Arena {
            context: self.context,
            _lent: PhantomData,
        }
    }
}

/// A memory context that is there for as long as `'m`: what is put into it borrows its owner.
#[derive(Clone, Copy)]
pub struct Arena<'m> {
    context: pg_sys::MemoryContext,
    _lent: PhantomData<&'m ()>,
}

impl Arena<'_> {
    /// # Safety
    /// The current context lives as long as the result's lifetime says.
    pub(in crate::pg) unsafe fn current<'m>() -> Arena<'m> {
        Arena {
            // SAFETY: a backend has one thread.
            context: unsafe { pg_sys::CurrentMemoryContext },
            _lent: PhantomData,
        }
    }

    /// Runs `build` with this context as the current one.
    pub fn within<T>(self, build: impl FnOnce() -> T) -> T {
        let _current = Current::switch(self.context);
        build()
    }

    /// Whether what Postgres allocates now goes there.
    pub(in crate::pg) fn is_current(self) -> bool {
        // SAFETY: a backend has one thread.
        unsafe { self.context == pg_sys::CurrentMemoryContext }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // Also freed when an error unwinds; otherwise every failed call would leak its memory until the session ends.
        // The context holds nothing that the end of a (sub)transaction looks at: resource owners, snapshots and portals
        // are elsewhere.
        // SAFETY: made by `new`, deleted once; whatever points into it holds the owner. Deleting raises no error.
        unsafe { pg_sys::MemoryContextDelete(self.context) }
    }
}

/// Makes a context below the one that lives as long as the session.
fn create(name: &'static std::ffi::CStr) -> pg_sys::MemoryContext {
    // SAFETY: the name is static; the sizes are Postgres's defaults for small contexts.
    unsafe {
        pg_sys::AllocSetContextCreateInternal(
            pg_sys::TopMemoryContext,
            name.as_ptr(),
            pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
            pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
            pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
        )
    }
}

/// Makes a context the current one until this is dropped, also when an error unwinds: it only sets a variable.
struct Current {
    previous: pg_sys::MemoryContext,
}

impl Current {
    fn switch(context: pg_sys::MemoryContext) -> Current {
        // SAFETY: a backend has one thread; both contexts outlive the guard.
        unsafe {
            let previous = pg_sys::CurrentMemoryContext;
            pg_sys::CurrentMemoryContext = context;
            Current { previous }
        }
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { pg_sys::CurrentMemoryContext = self.previous }
    }
}

thread_local! {
    static SCRATCH: Cell<pg_sys::MemoryContext> = const { Cell::new(std::ptr::null_mut()) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Memory for detoasting and printing values while one message is written. Everything borrowed under it is freed at
/// once when the outermost guard is dropped. Guards nest when a user's cast calls the serialiser again.
pub struct Scratch {
    _current: Current,
    _not_send: PhantomData<*mut ()>,
}

impl Scratch {
    /// Makes the scratch context the current one.
    pub fn enter() -> Scratch {
        if SCRATCH.get().is_null() {
            SCRATCH.set(create(c"pgrealtime scratch"));
        }
        DEPTH.set(DEPTH.get() + 1);
        Scratch {
            _current: Current::switch(SCRATCH.get()),
            _not_send: PhantomData,
        }
    }

    /// Where values can be put that then borrow the guard.
    pub fn arena(&self) -> Arena<'_> {
        Arena {
            context: SCRATCH.get(),
            _lent: PhantomData,
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        // After an error, the next message frees the memory.
        if DEPTH.get() == 0 && !std::thread::panicking() {
            // SAFETY: nothing lent out under the guard outlives it, as the lifetimes of `Scratch` borrowers say.
            unsafe {
                // This check is cheaper than the call.
                let scratch = *SCRATCH.get();
                if !scratch.isReset || !scratch.firstchild.is_null() {
                    pg_sys::MemoryContextReset(SCRATCH.get());
                }
            }
        }
    }
}
