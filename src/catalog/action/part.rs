//! What an action is made of: each field knows its shape in YAML, its templates and how they are filled in, so that a kind
//! of action is declared once.

use std::collections::BTreeMap;

use crate::model::yaml::Shape;

/// A value in an action.
pub(super) trait Part: Sized {
    /// What it looks like in YAML.
    const SHAPE: Shape;

    /// Adds every template in it, in a fixed order.
    fn texts<'a>(&'a self, found: &mut Vec<&'a str>);

    /// The same with every template replaced.
    ///
    /// # Errors
    /// The first error of `fill`.
    fn fill<E>(&self, fill: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Self, E>;
}

impl Part for String {
    const SHAPE: Shape = Shape::Text;

    fn texts<'a>(&'a self, found: &mut Vec<&'a str>) {
        found.push(self);
    }

    fn fill<E>(&self, fill: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        fill(self)
    }
}

macro_rules! plain {
    ($($type:ty: $shape:expr),+ $(,)?) => { $(
        impl Part for $type {
            const SHAPE: Shape = $shape;

            fn texts<'a>(&'a self, _: &mut Vec<&'a str>) {}

            fn fill<E>(&self, _: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
                Ok(*self)
            }
        }
    )+ };
}

plain!(u16: Shape::Int, u32: Shape::Int, u64: Shape::Int, bool: Shape::Bool);

impl<T: Part> Part for Option<T> {
    const SHAPE: Shape = T::SHAPE;

    fn texts<'a>(&'a self, found: &mut Vec<&'a str>) {
        if let Some(part) = self {
            part.texts(found);
        }
    }

    fn fill<E>(&self, fill: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        self.as_ref().map(|part| part.fill(fill)).transpose()
    }
}

impl<T: Part> Part for Vec<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);

    fn texts<'a>(&'a self, found: &mut Vec<&'a str>) {
        self.iter().for_each(|part| part.texts(found));
    }

    fn fill<E>(&self, fill: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        self.iter().map(|part| part.fill(fill)).collect()
    }
}

impl<T: Part> Part for BTreeMap<String, T> {
    const SHAPE: Shape = Shape::MapOf(&T::SHAPE);

    fn texts<'a>(&'a self, found: &mut Vec<&'a str>) {
        self.values().for_each(|part| part.texts(found));
    }

    fn fill<E>(&self, fill: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        self.iter().map(|(key, part)| Ok((key.clone(), part.fill(fill)?))).collect()
    }
}

impl Part for serde_json::Value {
    const SHAPE: Shape = Shape::Any;

    fn texts<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::String(text) => found.push(text),
            Self::Array(items) => items.iter().for_each(|item| item.texts(found)),
            Self::Object(entries) => entries.values().for_each(|value| value.texts(found)),
            Self::Null | Self::Bool(_) | Self::Number(_) => {}
        }
    }

    fn fill<E>(&self, fill: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        Ok(match self {
            Self::String(text) => Self::String(fill(text)?),
            Self::Array(items) => Self::Array(items.iter().map(|item| item.fill(fill)).collect::<Result<_, E>>()?),
            Self::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| Ok((key.clone(), value.fill(fill)?)));
                Self::Object(entries.collect::<Result<_, E>>()?)
            }
            Self::Null | Self::Bool(_) | Self::Number(_) => self.clone(),
        })
    }
}

/// Declares types of fields that are parts. A field with a default, the path of a function as serde takes it, may be
/// omitted.
macro_rules! parts {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident { $( $(#[doc = $about:literal])+ $field:ident: $type:ty $(= $default:literal)? ),* $(,)? }
    )+) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $about])+ $(#[serde(default = $default)])? pub $field: $type, )*
        }

        impl $crate::catalog::action::part::Part for $name {
            const SHAPE: $crate::model::yaml::Shape = $crate::model::yaml::Shape::Map(&[
                $( $crate::catalog::action::part::field!($field, $type $(, $default)?), )*
            ]);

            fn texts<'a>(&'a self, found: &mut Vec<&'a str>) {
                $( $crate::catalog::action::part::Part::texts(&self.$field, found); )*
            }

            fn fill<E>(&self, fill: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
                Ok(Self { $( $field: $crate::catalog::action::part::Part::fill(&self.$field, fill)?, )* })
            }
        }
    )+ };
}

macro_rules! field {
    ($field:ident, $type:ty) => {
        $crate::model::yaml::Field::required(stringify!($field), <$type as $crate::catalog::action::part::Part>::SHAPE)
    };
    ($field:ident, $type:ty, $default:literal) => {
        $crate::model::yaml::Field::optional(stringify!($field), <$type as $crate::catalog::action::part::Part>::SHAPE)
    };
}

/// Declares a family: an enum of kinds, each with its name in `component.yaml`.
macro_rules! family {
    ($(#[doc = $doc:literal])+ $name:ident { $($kind:ident = $tag:literal),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
        #[serde(tag = "action")]
        pub enum $name {
            $( #[doc = concat!("`", $tag, "`")] #[serde(rename = $tag)] $kind($kind), )+
        }

        impl $name {
            pub(in crate::catalog) const KINDS: &'static [(&'static str, $crate::model::yaml::Shape)] =
                &[$( ($tag, <$kind as $crate::catalog::action::part::Part>::SHAPE) ),+];

            pub(super) fn kind(&self) -> &dyn $crate::catalog::action::kind::Kind {
                match self { $( Self::$kind(kind) => kind, )+ }
            }

            pub(super) fn kind_mut(&mut self) -> &mut dyn $crate::catalog::action::kind::Kind {
                match self { $( Self::$kind(kind) => kind, )+ }
            }

            pub(super) fn texts<'a>(&'a self, found: &mut Vec<&'a str>) {
                match self { $( Self::$kind(kind) => $crate::catalog::action::part::Part::texts(kind, found), )+ }
            }

            pub(super) fn fill<E>(&self, fill: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
                Ok(match self {
                    $( Self::$kind(kind) => Self::$kind($crate::catalog::action::part::Part::fill(kind, fill)?), )+
                })
            }
        }
    };
}

pub(in crate::catalog) use {family, field, parts};
