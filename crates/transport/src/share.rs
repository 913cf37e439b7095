//! What one account's connections may use of what all accounts share.

use crate::bandwidth::{Bandwidth, Flow};
use crate::error::TransportError;
use crate::metered::Metered;
use crate::slots::{Slot, Slots};
use crate::{Duplex, Stream};

/// An account's share; by default of nothing that is limited.
#[derive(Clone, Debug, Default)]
pub(crate) struct Share {
    slots: Option<Slots>,
    flow: Option<Flow>,
    is_further: bool,
}

impl Share {
    pub(crate) fn of(slots: &Slots, bandwidth: &Bandwidth) -> Self {
        Self {
            slots: Some(slots.clone()),
            flow: Some(bandwidth.flow()),
            is_further: false,
        }
    }

    /// For connections that are opened while others of the account stand.
    pub(crate) fn further(&self) -> Self {
        Self {
            is_further: true,
            ..self.clone()
        }
    }

    /// Waits until there may be one connection more; a further one is not waited for.
    pub(crate) async fn slot(&self) -> Result<Option<Slot>, TransportError> {
        let Some(slots) = &self.slots else {
            return Ok(None);
        };
        if self.is_further {
            let slot = slots.further();
            return slot.map(Some).ok_or(TransportError::AllInUse);
        }
        Ok(Some(slots.first().await))
    }

    /// The stream, which counts from now on.
    pub(crate) fn carry<S: Duplex + 'static>(&self, stream: S, slot: Option<Slot>) -> Stream {
        Box::new(Metered::new(stream, self.flow.clone(), slot))
    }
}
