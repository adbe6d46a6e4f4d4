//! Parsing of records with a limit on the memory that they allocate.
//!
//! The length of the JSON does not determine the memory: `{"port":1}` has ten bytes and becomes a struct of
//! eighty. So a meter between serde and serde_json adds up what the deserialized types allocate: strings,
//! lists and maps. Each amount is an upper bound, and parsing stops when the limit is exceeded. Structs must
//! be JSON objects; serde would also accept arrays, which are even shorter.

use std::cell::Cell;

use serde::Deserialize;
use serde::de::{self, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

/// The overhead of an allocation: the allocator's header and rounding.
const ALLOCATION_BYTES: usize = 24;

/// The smallest allocation.
const ALLOCATION_MIN_BYTES: usize = 32;

/// The maximum number of entries in a leaf of a `BTreeMap`.
const LEAF_ENTRIES: usize = 11;

/// The minimum number of entries per leaf of a large `BTreeMap`: five in the leaf and one above it.
const LEAF_ENTRIES_MIN: usize = 6;

/// The size of a leaf without its entries.
const LEAF_BYTES: usize = 16 + ALLOCATION_BYTES;

/// The size of an inner node without its entries.
const BRANCH_BYTES: usize = LEAF_BYTES + 12 * size_of::<usize>();

/// Adds up allocated memory, up to a limit.
#[derive(Debug)]
pub struct Meter {
    limit: u64,
    used: Cell<u64>,
}

impl Meter {
    /// A meter with a limit in bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit, used: Cell::new(0) }
    }

    /// The number of allocated bytes; more than the limit if parsing stopped because of it.
    pub fn used(&self) -> u64 {
        self.used.get()
    }

    /// Whether the limit was exceeded.
    pub fn is_exceeded(&self) -> bool {
        self.used.get() > self.limit
    }

    #[inline]
    fn add<E: de::Error>(&self, bytes: usize) -> Result<(), E> {
        let used = self.used.get().saturating_add(bytes as u64);
        self.used.set(used);
        if used > self.limit { Err(E::custom("the memory limit is exceeded")) } else { Ok(()) }
    }

    /// Adds a string: its allocation, and how much longer it is in ASCII output. There a control character
    /// becomes six bytes, and each byte of a non-ASCII character at most three.
    #[inline]
    fn add_string<E: de::Error>(&self, text: &str) -> Result<(), E> {
        if text.is_empty() {
            return Ok(());
        }
        let control = text.bytes().filter(u8::is_ascii_control).count();
        let other = text.bytes().filter(|byte| !byte.is_ascii()).count();
        let bytes = (text.len() + ALLOCATION_BYTES).max(ALLOCATION_MIN_BYTES);
        self.add(bytes + 5 * control + 2 * other)
    }

    /// Adds an element of a list. The first allocation of a `Vec` is for four elements, and its capacity
    /// doubles when it is full.
    #[inline]
    fn add_element<E: de::Error>(&self, index: usize, size: usize) -> Result<(), E> {
        match index {
            0 => self.add(4 * size + ALLOCATION_BYTES),
            _ => self.add(2 * size),
        }
    }

    /// Adds an entry of a map. Small maps are one leaf.
    #[inline]
    fn add_entry<E: de::Error>(&self, index: usize, size: usize) -> Result<(), E> {
        let leaf = LEAF_ENTRIES * size + LEAF_BYTES;
        let branch = LEAF_ENTRIES * size + BRANCH_BYTES;
        match index {
            0 => self.add(leaf),
            LEAF_ENTRIES => self.add(leaf + branch),
            1..LEAF_ENTRIES => Ok(()),
            // Each inner node has as many children as a leaf has entries, and is a child itself.
            _ => self.add((leaf + branch / (LEAF_ENTRIES_MIN - 1)).div_ceil(LEAF_ENTRIES_MIN)),
        }
    }
}

/// Parses a value from JSON. It fails if the limit of the meter is exceeded.
pub fn from_str<'de, T: Deserialize<'de>>(
    text: &'de str,
    meter: &Meter,
) -> Result<T, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(Metered { inner: &mut json, meter })?;
    json.end()?;
    Ok(value)
}

/// A wrapper of a deserializer, seed or enum access that meters allocations.
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
            let visitor = MeteredVisitor { inner: visitor, meter: self.meter, is_struct: false };
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

    /// Uses `deserialize_map`, because `deserialize_struct` of serde_json also accepts an array.
    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = MeteredVisitor { inner: visitor, meter: self.meter, is_struct: true };
        self.inner.deserialize_map(visitor)
    }

    /// Ignored values allocate nothing.
    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// A wrapper of a visitor that meters allocations.
struct MeteredVisitor<'m, V> {
    inner: V,
    meter: &'m Meter,
    /// Whether an object is a struct, whose fields need no allocation.
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

impl<'de, V: Visitor<'de>> Visitor<'de> for MeteredVisitor<'_, V> {
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
        self.meter.add_string(text)?;
        self.inner.visit_str(text)
    }

    #[inline]
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.meter.add_string(text)?;
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
        self.inner.visit_seq(MeteredAccess { inner, meter: self.meter, is_struct: false, count: 0 })
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let Self { meter, is_struct, .. } = self;
        self.inner.visit_map(MeteredAccess { inner, meter, is_struct, count: 0 })
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Metered { inner, meter: self.meter })
    }
}

/// A wrapper of the access to a list or an object that meters allocations.
struct MeteredAccess<'m, A> {
    inner: A,
    meter: &'m Meter,
    is_struct: bool,
    count: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for MeteredAccess<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        let seed = Metered { inner: seed, meter: self.meter };
        let Some(element) = self.inner.next_element_seed(seed)? else { return Ok(None) };
        self.meter.add_element(self.count, size_of::<T::Value>())?;
        self.count += 1;
        Ok(Some(element))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for MeteredAccess<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        if self.is_struct {
            // The name of a field is not kept.
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
            // All keys in the model are strings.
            self.meter.add_entry(self.count, size_of::<String>() + size_of::<T::Value>())?;
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
        Err(de::Error::custom("the model has no variants with several fields"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, A::Error> {
        Err(de::Error::custom("the model has no variants with several fields"))
    }
}

#[cfg(test)]
mod metered_tests;
