//! The orders of changes of this session's relations. Each starts with a transaction's first change, and is cleared at
//! its end.

use super::order::Order;
use crate::pg::backend::commit;
use crate::pg::backend::commit::Hooks;
use crate::pg::Oid;
use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::rc::Rc;

/// A relation has one order for all triggers that log its changes, and one for all others.
pub type Shared = Rc<RefCell<Order>>;

thread_local! {
    static ORDERS: RefCell<HashMap<(u32, bool), Shared>> = RefCell::default();
    /// The orders that the transaction uses.
    static TOUCHED: RefCell<Vec<Shared>> = RefCell::default();
}

/// The order of a relation's changes: of those that are logged, or of those that are not.
pub fn order_of(root: Oid, logged: bool) -> Shared {
    let hooks = Hooks {
        before_end: || (),
        rolled_back,
        ended,
    };
    commit::watch("order", hooks);
    ORDERS.with_borrow_mut(|orders| orders.entry((root.to_u32(), logged)).or_default().clone())
}

/// The order, begun anew if the last transaction was another one.
#[inline(always)]
pub fn begun(order: &Shared, transaction: u64) -> RefMut<'_, Order> {
    let mut begun = order.borrow_mut();
    if begun.begin(transaction) {
        TOUCHED.with_borrow_mut(|touched| touched.push(order.clone()));
    }
    begun
}

fn rolled_back(subtransaction: u32) {
    TOUCHED.with_borrow(|touched| {
        for order in touched {
            if let Ok(mut order) = order.try_borrow_mut() {
                order.roll_back(subtransaction);
            }
        }
    });
}

fn ended() {
    TOUCHED.with_borrow_mut(|touched| {
        for order in touched.drain(..) {
            if let Ok(mut order) = order.try_borrow_mut() {
                *order = Order::default();
            }
        }
    });
}
