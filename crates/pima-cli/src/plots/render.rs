//! From a [`Scene`] to a PNG or an SVG, by way of plotters' backends.

use std::fmt::Display;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, anyhow};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, IntoFont, RGBAColor, ShapeStyle, TextStyle, register_font};

use super::scene::{Anchor, Colour, Item, Point, Scene};

/// The family name under which the embedded font is registered; in an SVG the viewer's own sans-serif takes its place.
const FAMILY: &str = "sans-serif";
/// plotters' font size is the height of a line of this font, ours is the em.
const LINE_PER_EM: f64 = 1.149;
/// Each side of a pixel is drawn this many times finer and then averaged.
const PNG_SUPERSAMPLING: usize = 3;
/// plotters' coordinates are integers: the drawing's are this many times finer than a pixel.
const SVG_UNITS_PER_PIXEL: f64 = 10.0;

/// Whether the embedded font could be registered. A cluster's nodes have no fonts of their own.
static FONT: LazyLock<bool> =
    LazyLock::new(|| register_font(FAMILY, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok());

fn ensure_font() -> Result<()> {
    FONT.then_some(()).ok_or_else(|| anyhow!("the embedded font cannot be read"))
}

/// Width of a line of text in pixels, in the embedded font.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    // Measured large, because plotters rounds to whole pixels. The estimate serves where the font is not to be had.
    let scale = 16.0;
    let font = (FAMILY, size * LINE_PER_EM * scale).into_font();
    let measured = ensure_font().ok().and_then(|()| font.layout_box(text).ok());
    measured.map_or(0.55 * size * text.chars().count() as f64, |(from, to)| f64::from(to.0 - from.0) / scale)
}

/// Writes the scene as a PNG of its own size.
pub(crate) fn png(scene: &Scene, path: &Path) -> Result<()> {
    ensure_font()?;
    let fine = PNG_SUPERSAMPLING;
    let (width, height) = (scene.width.ceil() as usize, scene.height.ceil() as usize);
    let mut pixels = vec![255_u8; 3 * width * fine * height * fine];
    let mut backend = BitMapBackend::with_buffer(&mut pixels, ((width * fine) as u32, (height * fine) as u32));
    Painter { backend: &mut backend, scale: fine as f64, vector: false }.draw(scene)?;
    drop(backend);
    let pixels = average(&pixels, width, height, fine);
    let mut file = BitMapBackend::new(path, (width as u32, height as u32));
    file.blit_bitmap((0, 0), (width as u32, height as u32), &pixels).map_err(failed)?;
    file.present().map_err(failed)
}

/// Writes the scene as an SVG.
pub(crate) fn svg(scene: &Scene, path: &Path) -> Result<()> {
    ensure_font()?;
    let scale = SVG_UNITS_PER_PIXEL;
    let (width, height) = (scene.width.ceil(), scene.height.ceil());
    let (fine_width, fine_height) = ((width * scale) as u32, (height * scale) as u32);
    let mut text = String::new();
    let mut backend = SVGBackend::with_string(&mut text, (fine_width, fine_height));
    let mut painter = Painter { backend: &mut backend, scale, vector: true };
    painter.rect((0.0, 0.0), (width, height), super::scene::WHITE)?;
    painter.draw(scene)?;
    drop(backend);
    // Viewers open it at the size of the PNG; the view box keeps the finer units.
    let fine_size = format!("width=\"{fine_width}\" height=\"{fine_height}\" viewBox");
    let text = text.replacen(&fine_size, &format!("width=\"{width}\" height=\"{height}\" viewBox"), 1);
    std::fs::write(path, text).context("cannot write the drawing")
}

/// Means of squares of `fine` by `fine` pixels.
fn average(pixels: &[u8], width: usize, height: usize, fine: usize) -> Vec<u8> {
    let row = 3 * width * fine;
    let n = (fine * fine) as u32;
    let mut out = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let mut sum = 0_u32;
                for dy in 0..fine {
                    for dx in 0..fine {
                        sum += u32::from(pixels[(y * fine + dy) * row + 3 * (x * fine + dx) + channel]);
                    }
                }
                out.push(((sum + n / 2) / n) as u8);
            }
        }
    }
    out
}

fn failed(error: impl Display) -> anyhow::Error {
    anyhow!("drawing failed: {error}")
}

/// A backend and how many of its units make a pixel of the scene.
struct Painter<'a, B: DrawingBackend> {
    backend: &'a mut B,
    scale: f64,
    vector: bool,
}

impl<B: DrawingBackend> Painter<'_, B> {
    fn draw(&mut self, scene: &Scene) -> Result<()> {
        for item in &scene.items {
            match item {
                Item::Line { points, colour, width, dash } => match dash {
                    None => self.line(points, *colour, *width)?,
                    Some((on, off)) => {
                        for dash in dashes(points, *on, *off) {
                            self.line(&dash, *colour, *width)?;
                        }
                    }
                },
                Item::Polygon { points, colour } => {
                    let points: Vec<_> = points.iter().map(|&point| self.at(point)).collect();
                    self.backend.fill_polygon(points, &fill(*colour)).map_err(failed)?;
                }
                Item::Rect { from, to, colour } => self.rect(*from, *to, *colour)?,
                Item::Disc { centre, radius, colour } => self.disc(*centre, *radius, *colour)?,
                Item::Text { text, at, size, anchor, colour, upright } => {
                    self.text(text, *at, *size, *anchor, *colour, *upright)?;
                }
            }
        }
        self.backend.present().map_err(failed)
    }

    fn at(&self, point: Point) -> (i32, i32) {
        ((point.0 * self.scale).round() as i32, (point.1 * self.scale).round() as i32)
    }

    fn line(&mut self, points: &[Point], colour: Colour, width: f64) -> Result<()> {
        let mut fine: Vec<_> = points.iter().map(|&point| self.at(point)).collect();
        fine.dedup();
        let width = (width * self.scale).round().max(1.0);
        let style = ShapeStyle { stroke_width: width as u32, ..fill(colour) };
        if self.vector {
            return self.backend.draw_path(fine, &style).map_err(failed);
        }
        // plotters outlines a thick path by one polygon, which comes out hollow where the path turns back on itself:
        // draw the pieces one by one, with round joints.
        for pair in fine.windows(2) {
            self.backend.draw_path([pair[0], pair[1]], &style).map_err(failed)?;
        }
        if width >= 3.0 && fine.len() > 2 {
            let radius = ((width - 1.0) / 2.0) as u32;
            for &joint in &fine[1..fine.len() - 1] {
                self.backend.draw_circle(joint, radius, &style, true).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn rect(&mut self, from: Point, to: Point, colour: Colour) -> Result<()> {
        let (from, to) = (self.at(from), self.at(to));
        self.backend.draw_rect(from, to, &fill(colour), true).map_err(failed)
    }

    fn disc(&mut self, centre: Point, radius: f64, colour: Colour) -> Result<()> {
        let radius = (radius * self.scale).round().max(1.0) as u32;
        self.backend.draw_circle(self.at(centre), radius, &fill(colour), true).map_err(failed)
    }

    fn text(&mut self, text: &str, at: Point, size: f64, anchor: Anchor, colour: Colour, upright: bool) -> Result<()> {
        let line = size * LINE_PER_EM;
        // Distance from plotters' upper anchor down to the baseline: half a line in its bitmaps, 0.76 em of 1/1.24 line
        // in its SVG.
        let drop = if self.vector { 0.76 / 1.24 * line } else { 0.5 * line };
        let at = if upright { (at.0 - drop, at.1) } else { (at.0, at.1 - drop) };
        let h_pos = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let transform = if upright { FontTransform::Rotate270 } else { FontTransform::None };
        let font = (FAMILY, line * self.scale).into_font().transform(transform);
        let colour = rgba(colour);
        let style = TextStyle::from(font).pos(Pos::new(h_pos, VPos::Top)).color(&colour);
        let position = self.at(at);
        self.backend.draw_text(text, &style, position).map_err(failed)
    }
}

fn rgba(colour: Colour) -> RGBAColor {
    RGBAColor(colour.rgb.0, colour.rgb.1, colour.rgb.2, colour.alpha)
}

fn fill(colour: Colour) -> ShapeStyle {
    rgba(colour).filled()
}

/// The dashes of a path, `on` pixels long with gaps of `off`.
fn dashes(points: &[Point], on: f64, off: f64) -> Vec<Vec<Point>> {
    let mut dashes = Vec::new();
    let mut dash: Vec<Point> = points.first().copied().into_iter().collect();
    let (mut drawing, mut left) = (true, on);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length = (to.0 - from.0).hypot(to.1 - from.1);
        while length > left {
            let share = left / length;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            length -= left;
            dash.push(from);
            if drawing {
                dashes.push(std::mem::take(&mut dash));
            }
            dash = vec![from];
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
        left -= length;
        dash.push(to);
    }
    if drawing && dash.len() > 1 {
        dashes.push(dash);
    }
    dashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_their_share_of_a_bent_path() {
        let path = [(0.0, 0.0), (30.0, 0.0), (30.0, 45.0)];
        let dashes = dashes(&path, 10.0, 5.0);
        let length = |dash: &Vec<Point>| dash.windows(2).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum::<f64>();
        let total: f64 = dashes.iter().map(length).sum();
        assert_eq!(dashes.len(), 5);
        assert!((total - 50.0).abs() < 1e-9, "{total}");
        assert_eq!(dashes[2], [(30.0, 0.0), (30.0, 10.0)]);
    }

    #[test]
    fn fine_pixels_are_averaged_channel_by_channel() {
        let fine: Vec<u8> = vec![0, 0, 0, 10, 20, 30, 20, 40, 60, 30, 60, 90];
        assert_eq!(average(&fine, 1, 1, 2), [15, 30, 45]);
    }

    #[test]
    fn a_longer_text_is_wider_and_scales_with_its_size() {
        let short = text_width("cluster", 20.0);
        assert!(text_width("clusters", 20.0) > short && short > 40.0);
        assert!((text_width("cluster", 40.0) / short - 2.0).abs() < 0.01);
    }

    #[test]
    fn both_formats_have_the_size_of_the_scene() {
        let directory = tempfile::tempdir().unwrap();
        let mut scene = Scene::new(64.0, 48.0);
        scene.disc((20.0, 20.0), 8.0, Colour::hex(0xff_00_00));
        let (raster, vector) = (directory.path().join("a.png"), directory.path().join("a.svg"));
        png(&scene, &raster).unwrap();
        svg(&scene, &vector).unwrap();
        let bytes = std::fs::read(&raster).unwrap();
        assert_eq!(bytes[..8], *b"\x89PNG\r\n\x1a\n");
        let size = |from: usize| u32::from_be_bytes(bytes[from..from + 4].try_into().unwrap());
        assert_eq!((size(16), size(20)), (64, 48));
        let text = std::fs::read_to_string(&vector).unwrap();
        assert!(text.starts_with("<svg width=\"64\" height=\"48\" viewBox=\"0 0 640 480\""), "{}", &text[..80]);
        assert!(text.contains("cx=\"200\"") && text.trim_end().ends_with("</svg>"));
    }
}
