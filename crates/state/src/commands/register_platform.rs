//! A new tenant.

use followers::Engine;
use policy::Millis;

use crate::ids::{Label, PlatformId};
use crate::machine::Machine;
use crate::outcome::{Done, Refusal};
use crate::platform::Platform;

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterPlatform {
    /// Its id, for ever.
    pub platform: PlatformId,
    /// How operators call it.
    pub title: Label,
}

impl RegisterPlatform {
    pub(crate) fn apply(&self, machine: &mut Machine, at: Millis) -> Result<Done, Refusal> {
        if machine.platforms.contains_key(&self.platform) {
            return Err(Refusal::PlatformExists(self.platform.clone()));
        }
        if machine.platforms.len() >= machine.limits.platforms_max as usize {
            return Err(Refusal::TooManyPlatforms);
        }
        let engine = Engine::new(machine.limits.followers());
        machine.add_platform(Platform::new(self.platform.clone(), self.title.clone(), at, engine));
        Ok(Done::Applied)
    }
}
