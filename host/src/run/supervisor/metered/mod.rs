//! Reads a record and meters the memory that it becomes, so that reading stops where there is no
//! more of it.
//!
//! The text says little about that: `{"port":1}` is ten letters and becomes eighty bytes. The types
//! say it, so the meter is between serde's types and serde_json, and adds up what they
//! allocate: strings, lists and maps. Each amount is an upper bound. Structs are objects here and
//! nothing else; serde itself would take arrays too, with even fewer letters.

use std::cell::Cell;

use serde::Deserialize;
use serde::de::{self, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

/// What an allocation costs beside its bytes: the allocator's header and its rounding up.
const ALLOCATION_BYTES: usize = 24;

/// The smallest allocation.
const ALLOCATION_MIN_BYTES: usize = 32;

/// How many entries a leaf of a `BTreeMap` has room for.
const LEAF_ENTRIES: usize = 11;

/// How many entries of a large `BTreeMap` share a leaf, at least: five in the leaf and one above it.
const LEAF_ENTRIES_MIN: usize = 6;

/// What a leaf, and a node above leaves, have beside their entries.
const LEAF_BYTES: usize = 16 + ALLOCATION_BYTES;
const BRANCH_BYTES: usize = LEAF_BYTES + 12 * size_of::<usize>();

/// Adds up memory, up to a limit.
#[derive(Debug)]
pub struct Meter {
    limit: u64,
    taken: Cell<u64>,
}

impl Meter {
    /// Nothing taken yet of so many bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit, taken: Cell::new(0) }
    }

    /// How many bytes were taken; more than the limit if reading stopped because of it.
    pub fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Whether more was asked for than the limit.
    pub fn is_exceeded(&self) -> bool {
        self.taken.get() > self.limit
    }

    #[inline]
    fn take<E: de::Error>(&self, bytes: usize) -> Result<(), E> {
        let taken = self.taken.get().saturating_add(bytes as u64);
        self.taken.set(taken);
        if taken > self.limit { Err(E::custom("more memory than there is")) } else { Ok(()) }
    }

    /// A text: what it allocates, and how much longer it is in a result in ASCII. There a control
    /// character becomes six bytes, and each byte of another character at most three.
    #[inline]
    fn take_text<E: de::Error>(&self, text: &str) -> Result<(), E> {
        if text.is_empty() {
            return Ok(());
        }
        let control = text.bytes().filter(u8::is_ascii_control).count();
        let other = text.bytes().filter(|byte| !byte.is_ascii()).count();
        let bytes = (text.len() + ALLOCATION_BYTES).max(ALLOCATION_MIN_BYTES);
        self.take(bytes + 5 * control + 2 * other)
    }

    /// An element of a list. The list doubles its room when it is full; the first room is for four.
    #[inline]
    fn take_element<E: de::Error>(&self, index: usize, size: usize) -> Result<(), E> {
        match index {
            0 => self.take(4 * size + ALLOCATION_BYTES),
            _ => self.take(2 * size),
        }
    }

    /// An entry of a map. Small maps are one leaf.
    #[inline]
    fn take_entry<E: de::Error>(&self, index: usize, size: usize) -> Result<(), E> {
        let leaf = LEAF_ENTRIES * size + LEAF_BYTES;
        let branch = LEAF_ENTRIES * size + BRANCH_BYTES;
        match index {
            0 => self.take(leaf),
            LEAF_ENTRIES => self.take(leaf + branch),
            1..LEAF_ENTRIES => Ok(()),
            // Branches have as many children as leaves have entries, and a branch above.
            _ => self.take((leaf + branch / (LEAF_ENTRIES_MIN - 1)).div_ceil(LEAF_ENTRIES_MIN)),
        }
    }
}

/// Reads a value from JSON. If the meter is exceeded, that is the error.
pub fn from_str<'de, T: Deserialize<'de>>(
    text: &'de str,
    meter: &Meter,
) -> Result<T, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(Metered { inner: &mut json, meter })?;
    json.end()?;
    Ok(value)
}

/// One of serde's parts, with what it allocates metered.
struct Metered<'m, T> {
    inner: T,
    meter: &'m Meter,
}

macro_rules! forward {
    ($($method:ident($($argument:ident: $type:ty),*);)+) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(
            self, $($argument: $type,)* visitor: V,
        ) -> Result<V::Value, D::Error> {
            let visitor = Reading { inner: visitor, meter: self.meter, is_struct: false };
            self.inner.$method($($argument,)* visitor)
        }
    )+ };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Metered<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_map();
        deserialize_identifier();
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    /// An object: `deserialize_struct` of serde_json takes an array as well.
    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = Reading { inner: visitor, meter: self.meter, is_struct: true };
        self.inner.deserialize_map(visitor)
    }

    /// What is left out allocates nothing.
    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// A visitor of one of our types.
struct Reading<'m, V> {
    inner: V,
    meter: &'m Meter,
    /// Whether the members of an object have their places already.
    is_struct: bool,
}

macro_rules! visit {
    ($($method:ident($type:ty);)+) => { $(
        #[inline]
        fn $method<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )+ };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Reading<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool(bool);
        visit_i64(i64);
        visit_u64(u64);
        visit_f64(f64);
    }

    #[inline]
    fn visit_str<E: de::Error>(self, text: &str) -> Result<V::Value, E> {
        self.meter.take_text(text)?;
        self.inner.visit_str(text)
    }

    #[inline]
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.meter.take_text(text)?;
        self.inner.visit_borrowed_str(text)
    }

    #[inline]
    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    #[inline]
    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Metered { inner, meter: self.meter })
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Metered { inner, meter: self.meter })
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Counted { inner, meter: self.meter, is_struct: false, count: 0 })
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let Self { meter, is_struct, .. } = self;
        self.inner.visit_map(Counted { inner, meter, is_struct, count: 0 })
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Metered { inner, meter: self.meter })
    }
}

/// A list or an object that is being read.
struct Counted<'m, A> {
    inner: A,
    meter: &'m Meter,
    is_struct: bool,
    count: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Counted<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        let seed = Metered { inner: seed, meter: self.meter };
        let Some(element) = self.inner.next_element_seed(seed)? else { return Ok(None) };
        self.meter.take_element(self.count, size_of::<T::Value>())?;
        self.count += 1;
        Ok(Some(element))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Counted<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        if self.is_struct {
            // The name of a member: it is not kept.
            return self.inner.next_key_seed(seed);
        }
        self.inner.next_key_seed(Metered { inner: seed, meter: self.meter })
    }

    #[inline]
    fn next_value_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, A::Error> {
        if !self.is_struct {
            // Keys are texts, in all of the model.
            self.meter.take_entry(self.count, size_of::<String>() + size_of::<T::Value>())?;
            self.count += 1;
        }
        self.inner.next_value_seed(Metered { inner: seed, meter: self.meter })
    }
}

impl<'de, S: de::DeserializeSeed<'de>> de::DeserializeSeed<'de> for Metered<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Metered { inner, meter: self.meter })
    }
}

impl<'de, 'm, A: EnumAccess<'de>> EnumAccess<'de> for Metered<'m, A> {
    type Error = A::Error;
    type Variant = Metered<'m, A::Variant>;

    #[inline]
    fn variant_seed<T: de::DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self::Variant), A::Error> {
        let meter = self.meter;
        let (name, inner) = self.inner.variant_seed(seed)?;
        Ok((name, Metered { inner, meter }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Metered<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, A::Error> {
        self.inner.newtype_variant_seed(Metered { inner: seed, meter: self.meter })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(de::Error::custom("the model has no variants of several values"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, A::Error> {
        Err(de::Error::custom("the model has no variants of several values"))
    }
}

#[cfg(test)]
mod metered_tests;
