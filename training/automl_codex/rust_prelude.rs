// What the translated programs call and py2many does not define, and what runs them: arguments from text, results to text.
// The text of this file is part of the key of every partition made with it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write;
use std::hash::Hash;

// -- Python's built-in functions -------------------------------------------------------------------

pub trait Magnitude {
    fn magnitude(self) -> Self;
}
impl Magnitude for i32 {
    fn magnitude(self) -> i32 {
        self.abs()
    }
}
impl Magnitude for i64 {
    fn magnitude(self) -> i64 {
        self.abs()
    }
}
impl Magnitude for f64 {
    fn magnitude(self) -> f64 {
        self.abs()
    }
}
pub fn abs<T: Magnitude>(x: T) -> T {
    x.magnitude()
}

pub trait Power {
    fn power(self, exponent: Self) -> Self;
}
impl Power for i32 {
    fn power(self, exponent: i32) -> i32 {
        self.pow(exponent as u32)
    }
}
impl Power for f64 {
    fn power(self, exponent: f64) -> f64 {
        self.powf(exponent)
    }
}
pub fn pow<T: Power>(base: T, exponent: T) -> T {
    base.power(exponent)
}

pub fn ord(text: &str) -> i32 {
    text.chars().next().unwrap() as i32
}

pub fn chr(code: i32) -> String {
    char::from_u32(code as u32).unwrap().to_string()
}

// Half to even, as Python rounds.
pub fn round(x: f64) -> i32 {
    x.round_ties_even() as i32
}

pub fn divmod(a: i32, b: i32) -> (i32, i32) {
    (a.div_euclid(b), a.rem_euclid(b))
}

pub fn sorted<T: Clone + PartialOrd>(items: &[T]) -> Vec<T> {
    let mut found = items.to_vec();
    found.sort_by(|a, b| a.partial_cmp(b).unwrap());
    found
}

// -- arguments: one line of tokens, `i-5;` `f<bits in hex>;` `b1;` `s<UTF-8 in hex>;` `l<length>;items` `d<length>;key value …` ------

pub struct Case<'a> {
    rest: &'a str,
}

pub const UNFIT: &str = "\u{1}unfit"; // an input that the parameter's type cannot hold

impl<'a> Case<'a> {
    pub fn new(rest: &'a str) -> Self {
        Case { rest }
    }
    pub fn argument<T: Argument>(&mut self) -> T {
        T::read(self)
    }
    fn token(&mut self, kind: char) -> &'a str {
        let Some((token, rest)) = self.rest.split_once(';') else { panic!("{UNFIT}") };
        self.rest = rest;
        token.strip_prefix(kind).unwrap_or_else(|| panic!("{UNFIT}"))
    }
    fn length(&mut self, kind: char) -> usize {
        self.token(kind).parse().unwrap()
    }
}

pub trait Argument {
    fn read(case: &mut Case) -> Self;
}
macro_rules! integers {
    ($($kind:ty)*) => {$(
        impl Argument for $kind {
            fn read(case: &mut Case) -> $kind {
                case.token('i').parse().unwrap_or_else(|_| panic!("{UNFIT}"))
            }
        }
    )*};
}
integers!(i32 i64 u32 u64 usize);
impl Argument for f64 {
    fn read(case: &mut Case) -> f64 {
        f64::from_bits(u64::from_str_radix(case.token('f'), 16).unwrap())
    }
}
impl Argument for bool {
    fn read(case: &mut Case) -> bool {
        case.token('b') == "1"
    }
}
impl Argument for String {
    fn read(case: &mut Case) -> String {
        let hex = case.token('s');
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        String::from_utf8(bytes.collect()).unwrap()
    }
}
impl<T: Argument> Argument for Vec<T> {
    fn read(case: &mut Case) -> Vec<T> {
        (0..case.length('l')).map(|_| T::read(case)).collect()
    }
}
impl<K: Argument + Eq + Hash, V: Argument> Argument for HashMap<K, V> {
    fn read(case: &mut Case) -> HashMap<K, V> {
        (0..case.length('d')).map(|_| (K::read(case), V::read(case))).collect()
    }
}
// A reference lives as long as the process: it serves a handful of cases.
impl Argument for &'static str {
    fn read(case: &mut Case) -> &'static str {
        String::read(case).leak()
    }
}
macro_rules! borrowed {
    ($(($($generics:tt)*) $kind:ty;)*) => {$(
        impl<$($generics)*> Argument for &'static $kind {
            fn read(case: &mut Case) -> &'static $kind {
                Box::leak(Box::new(<$kind>::read(case)))
            }
        }
        impl<$($generics)*> Argument for &'static mut $kind {
            fn read(case: &mut Case) -> &'static mut $kind {
                Box::leak(Box::new(<$kind>::read(case)))
            }
        }
    )*};
}
borrowed! {
    (T: Argument) Vec<T>;
    (K: Argument + Eq + Hash, V: Argument) HashMap<K, V>;
    () String;
}

// -- results: as literals of Python ------------------------------------------------------------------

pub trait Show {
    fn show(&self, out: &mut String);
}
pub fn show<T: Show + ?Sized>(value: &T) -> String {
    let mut out = String::new();
    value.show(&mut out);
    out
}
macro_rules! numbers {
    ($($kind:ty)*) => {$(
        impl Show for $kind {
            fn show(&self, out: &mut String) {
                write!(out, "{self:?}").unwrap();
            }
        }
    )*};
}
numbers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
impl Show for f64 {
    fn show(&self, out: &mut String) {
        match self {
            x if x.is_nan() => out.push_str("nan"),
            x if x.is_infinite() => out.push_str(if *x > 0.0 { "inf" } else { "-inf" }),
            x => write!(out, "{x:?}").unwrap(),
        }
    }
}
impl Show for bool {
    fn show(&self, out: &mut String) {
        out.push_str(if *self { "True" } else { "False" });
    }
}
impl Show for () {
    fn show(&self, out: &mut String) {
        out.push_str("None");
    }
}
impl Show for str {
    fn show(&self, out: &mut String) {
        out.push('"');
        for c in self.chars() {
            if c.is_ascii_alphanumeric() || c == ' ' {
                out.push(c);
            } else {
                write!(out, "\\U{:08x}", c as u32).unwrap();
            }
        }
        out.push('"');
    }
}
impl Show for String {
    fn show(&self, out: &mut String) {
        self.as_str().show(out);
    }
}
impl Show for char {
    fn show(&self, out: &mut String) {
        self.to_string().show(out);
    }
}
impl<T: Show + ?Sized> Show for &T {
    fn show(&self, out: &mut String) {
        (**self).show(out);
    }
}
impl<T: Show + ?Sized> Show for &mut T {
    fn show(&self, out: &mut String) {
        (**self).show(out);
    }
}
impl<T: Show> Show for Option<T> {
    fn show(&self, out: &mut String) {
        match self {
            Some(value) => value.show(out),
            None => out.push_str("None"),
        }
    }
}
fn joined<T: Show>(items: impl Iterator<Item = T>, out: &mut String) {
    for item in items {
        item.show(out);
        out.push_str(", ");
    }
}
impl<T: Show> Show for [T] {
    fn show(&self, out: &mut String) {
        out.push('[');
        joined(self.iter(), out);
        out.push(']');
    }
}
impl<T: Show> Show for Vec<T> {
    fn show(&self, out: &mut String) {
        self.as_slice().show(out);
    }
}
impl<T: Show, const N: usize> Show for [T; N] {
    fn show(&self, out: &mut String) {
        self.as_slice().show(out);
    }
}
impl<T: Show> Show for HashSet<T> {
    fn show(&self, out: &mut String) {
        let items: BTreeSet<String> = self.iter().map(|item| show(item)).collect();
        out.push_str("set([");
        for item in items {
            item.show(out); // the text of a literal, as the Python side writes it
            out.push_str(", ");
        }
        out.push_str("])");
    }
}
impl<K: Show, V: Show> Show for HashMap<K, V> {
    fn show(&self, out: &mut String) {
        let items: BTreeMap<String, String> = self.iter().map(|(key, value)| (show(key), show(value))).collect();
        out.push('{');
        for (key, value) in items {
            write!(out, "{key}: {value}, ").unwrap();
        }
        out.push('}');
    }
}
macro_rules! tuples {
    ($(($($name:ident $place:tt)*))*) => {$(
        impl<$($name: Show),*> Show for ($($name,)*) {
            fn show(&self, out: &mut String) {
                out.push('(');
                $(self.$place.show(out); out.push_str(", ");)*
                out.push(')');
            }
        }
    )*};
}
tuples! { (A 0) (A 0 B 1) (A 0 B 1 C 2) (A 0 B 1 C 2 D 3) (A 0 B 1 C 2 D 3 E 4) (A 0 B 1 C 2 D 3 E 4 F 5) (A 0 B 1 C 2 D 3 E 4 F 5 G 6) (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7) }
