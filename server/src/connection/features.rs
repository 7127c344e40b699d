//! Typed values that layers leave on a connection.

use std::any::{Any, TypeId};
use std::collections::HashMap;

/// Values by type, one of each. Costs a pointer until the first is set.
#[derive(Default)]
#[allow(clippy::box_collection)] // most connections have none: a null pointer instead of a map
pub struct Features(Option<Box<HashMap<TypeId, Box<dyn Any>>>>);

impl Features {
    /// Sets the value of type `T`, replacing an earlier one.
    pub fn set<T: 'static>(&mut self, value: T) {
        self.0.get_or_insert_default().insert(TypeId::of::<T>(), Box::new(value));
    }

    /// The value of type `T`, made if there is none.
    pub fn get_or_default<T: Default + 'static>(&mut self) -> &mut T {
        let values = self.0.get_or_insert_default();
        let value = values.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(T::default()));
        // A value stands under the id of its own type.
        value.downcast_mut().expect("a value of that type")
    }

    /// The value of type `T`, if a layer set one.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.0.as_ref()?.get(&TypeId::of::<T>())?.downcast_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_found_by_its_type() {
        let mut features = Features::default();
        assert_eq!(features.get::<u32>(), None);
        features.set(7u32);
        features.set("name");
        features.set(8u32);
        assert_eq!(features.get::<u32>(), Some(&8));
        assert_eq!(features.get::<&str>(), Some(&"name"));
    }
}
