//! What a figure consists of, before it is anybody's pixels: a list of shapes in drawing order.
//!
//! Lengths are in pixels of the PNG. Text stands on its baseline, so that both backends put it in the same place.

/// A point, x to the right and y down.
pub(crate) type Point = (f64, f64);

/// A colour with its opacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Colour {
    pub(crate) rgb: (u8, u8, u8),
    pub(crate) alpha: f64,
}

impl Colour {
    /// An opaque colour from 0xRRGGBB.
    pub(crate) const fn hex(rgb: u32) -> Self {
        Self { rgb: ((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8), alpha: 1.0 }
    }

    /// The same colour at another opacity.
    pub(crate) const fn fade(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// Opaque mixture with another colour, `share` of it.
    pub(crate) fn mix(self, other: Self, share: f64) -> Self {
        let blend = |a: u8, b: u8| (f64::from(a) * (1.0 - share) + f64::from(b) * share).round() as u8;
        let (a, b) = (self.rgb, other.rgb);
        Self { rgb: (blend(a.0, b.0), blend(a.1, b.1), blend(a.2, b.2)), alpha: 1.0 }
    }

    /// As style sheets write it; the opacity is left out.
    pub(crate) fn css(self) -> String {
        let (r, g, b) = self.rgb;
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    /// Relative luminance (linear light), from 0 for black to 1 for white.
    pub(crate) fn luminance(self) -> f64 {
        let [r, g, b] = self.linear();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Red, green and blue in linear light, in `[0, 1]`.
    pub(crate) fn linear(self) -> [f64; 3] {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        [linear(self.rgb.0), linear(self.rgb.1), linear(self.rgb.2)]
    }
}

/// Text and frames.
pub(crate) const INK: Colour = Colour::hex(0x1a_1a_1a);
/// Notes and other second thoughts.
pub(crate) const MUTED: Colour = Colour::hex(0x5a_5a_5a);
/// Grid lines.
pub(crate) const GRID: Colour = Colour::hex(0xe4_e4_e4);
/// The background.
pub(crate) const WHITE: Colour = Colour::hex(0xff_ff_ff);

/// Sizes of text, em in pixels: half of them is still legible.
pub(crate) mod size {
    pub(crate) const TITLE: f64 = 36.0;
    pub(crate) const SUBTITLE: f64 = 25.0;
    pub(crate) const LABEL: f64 = 26.0;
    pub(crate) const TICK: f64 = 23.0;
    pub(crate) const SMALL: f64 = 21.0;
}

/// Which point of a text its position names, along the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// One shape.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// A line through points, drawn opaque; `dash` gives the lengths of dashes and gaps.
    Line { points: Vec<Point>, colour: Colour, width: f64, dash: Option<(f64, f64)> },
    /// A filled polygon.
    Polygon { points: Vec<Point>, colour: Colour },
    /// A filled rectangle by two opposite corners.
    Rect { from: Point, to: Point, colour: Colour },
    /// A filled circle.
    Disc { centre: Point, radius: f64, colour: Colour },
    /// A line of text; `upright` text reads from bottom to top.
    Text { text: String, at: Point, size: f64, anchor: Anchor, colour: Colour, upright: bool },
}

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scene {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) items: Vec<Item>,
}

impl Scene {
    /// An empty figure on white.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, items: Vec::new() }
    }

    pub(crate) fn line(&mut self, points: Vec<Point>, colour: Colour, width: f64) {
        self.items.push(Item::Line { points, colour, width, dash: None });
    }

    pub(crate) fn rect(&mut self, from: Point, to: Point, colour: Colour) {
        self.items.push(Item::Rect { from, to, colour });
    }

    /// The outline of a rectangle.
    pub(crate) fn outline(&mut self, from: Point, to: Point, colour: Colour, width: f64) {
        self.line(vec![from, (to.0, from.1), to, (from.0, to.1), from], colour, width);
    }

    pub(crate) fn disc(&mut self, centre: Point, radius: f64, colour: Colour) {
        self.items.push(Item::Disc { centre, radius, colour });
    }

    /// Text on the baseline through `at`.
    pub(crate) fn text(&mut self, text: impl Into<String>, at: Point, size: f64, anchor: Anchor, colour: Colour) {
        self.items.push(Item::Text { text: text.into(), at, size, anchor, colour, upright: false });
    }

    /// Text whose capitals are centred on the height of `at`.
    pub(crate) fn text_beside(
        &mut self,
        text: impl Into<String>,
        at: Point,
        size: f64,
        anchor: Anchor,
        colour: Colour,
    ) {
        self.text(text, (at.0, at.1 + 0.35 * size), size, anchor, colour);
    }

    /// Text from bottom to top, centred on the height of `at`.
    pub(crate) fn text_upright(&mut self, text: impl Into<String>, at: Point, size: f64, colour: Colour) {
        self.items.push(Item::Text { text: text.into(), at, size, anchor: Anchor::Middle, colour, upright: true });
    }

    /// All text of the figure.
    #[cfg(test)]
    pub(crate) fn words(&self) -> Vec<&str> {
        self.items
            .iter()
            .filter_map(|item| match item {
                Item::Text { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}
