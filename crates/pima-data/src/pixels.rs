//! Images from files, as numbers in [0, 1] of the size wanted.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, ImageResult, Limits, Luma};

use crate::error::{Error, Result};

/// Endings of the formats that can be read.
pub(crate) const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "tif", "tiff"];

/// Reads an image, whatever its ending says, turned as its camera noted (EXIF); `refuse` makes an error of what is wrong with it.
pub(crate) fn decode(path: &Path, refuse: impl FnOnce(String) -> Error) -> Result<DynamicImage> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let bytes = fs::read(path).map_err(io)?;
    let mut reader = ImageReader::new(Cursor::new(&bytes));
    if let Ok(format) = ImageFormat::from_path(path) {
        reader.set_format(format);
    }
    let reader = reader.with_guessed_format().map_err(io)?;
    if reader.format() == Some(ImageFormat::Jpeg) && !is_whole_jpeg(&bytes) {
        let problem = "is a JPEG that was cut short: its end is missing; copy or save it again, or remove it";
        return Err(refuse(problem.to_owned()));
    }
    upright(reader).map_err(|problem| {
        let problem = problem.to_string().lines().collect::<Vec<_>>().join(" ");
        // A detector's 32-bit floats, say.
        let advice = if problem.contains("not support") || problem.contains("unsupported") {
            "save it with 8 or 16 bits a pixel, or the images as an array by numpy.savez"
        } else {
            "save it again, or remove it"
        };
        refuse(format!("cannot be read as an image: {problem}; {advice}"))
    })
}

/// The image as it was seen: cameras that are held sideways store the turn and not the turned image.
fn upright(reader: ImageReader<Cursor<&Vec<u8>>>) -> ImageResult<DynamicImage> {
    let mut decoder = reader.into_decoder()?;
    // What else an image may need is limited by the decoder itself.
    Limits::default().reserve(decoder.total_bytes())?;
    // An image whose metadata are broken is an image all the same.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Whether a JPEG has its end. A decoder makes up what is missing, in grey, and does not say so.
///
/// The markers are followed from the start: a search for the end's two bytes would find that of a thumbnail in the metadata, and would miss an end
/// that other data follow, as cameras append them.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // Between markers lies the image itself.
        at += bytes.iter().skip(at).take_while(|&&byte| byte != 0xff).count();
        at += bytes.iter().skip(at).take_while(|&&byte| byte == 0xff).count();
        let Some(marker) = bytes.get(at) else { return false };
        at += 1;
        match marker {
            0xd9 => return true,
            // A byte 0xff of the image, and markers that stand alone.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            _ => {
                let Some(&[high, low]) = bytes.get(at..at + 2) else { return false };
                at += usize::from(u16::from_be_bytes([high, low])).max(2);
            }
        }
    }
}

/// One channel of values in [0, 1]. Luma in f32 is linear in what the file holds, 16 bits as well as 8.
pub(crate) type Channel = ImageBuffer<Luma<f32>, Vec<f32>>;

/// The middle of a channel in the proportions wanted, (height, width) values.
pub(crate) fn fit(channel: &Channel, height: u32, width: u32) -> Vec<f32> {
    let (has_width, has_height) = channel.dimensions();
    // As much as fits of the wanted proportions, to the nearest pixel.
    let of = |side: u32, wanted: u32, by: u32| {
        let exact = f64::from(side) * f64::from(wanted) / f64::from(by);
        (exact.round() as u32).max(1)
    };
    let cut_width = has_width.min(of(has_height, width, height));
    let cut_height = has_height.min(of(has_width, height, width));
    let (x, y) = ((has_width - cut_width) / 2, (has_height - cut_height) / 2);
    let cut = imageops::crop_imm(channel, x, y, cut_width, cut_height).to_image();
    // A triangle as wide as the reduction: no detail finer than a pixel is left to make patterns.
    let resized = if (cut_width, cut_height) == (width, height) {
        cut
    } else {
        imageops::resize(&cut, width, height, FilterType::Triangle)
    };
    resized.into_raw().into_iter().map(|value| value.clamp(0.0, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Rgb, RgbImage};

    fn read(folder: &Path, bytes: &[u8]) -> Result<DynamicImage, String> {
        let path = folder.join("a.jpg");
        fs::write(&path, bytes).unwrap();
        let refuse = |problem| Error::Lattice { path: path.clone(), line: None, problem };
        decode(&path, refuse).map_err(|error| error.to_string())
    }

    #[test]
    fn a_jpeg_that_was_cut_short_is_refused_and_one_with_more_after_its_end_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let noise = RgbImage::from_fn(80, 60, |x, y| Rgb([(x * 37 + y * y) as u8, (x * y) as u8, (x + 91 * y) as u8]));
        noise.save(folder.join("whole.jpg")).unwrap();
        let whole = fs::read(folder.join("whole.jpg")).unwrap();
        assert_eq!(read(folder, &whole).unwrap().width(), 80);
        for share in [0.3, 0.5, 0.9] {
            let text = read(folder, &whole[..(share * whole.len() as f64) as usize]).unwrap_err();
            assert!(
                text.contains("a.jpg: is a JPEG that was cut short: its end is missing; copy or save it"),
                "{text}"
            );
        }
        let text = read(folder, &whole[..whole.len() - 2]).unwrap_err();
        assert!(text.contains("cut short"), "{text}");
        let more = [&whole[..], &[0; 5000], b"more of the camera's"].concat();
        assert_eq!(read(folder, &more).unwrap(), read(folder, &whole).unwrap());
        // The end of a thumbnail in the metadata is not that of the image.
        let thumbnail = [&whole[..2], b"\xff\xe2\x00\x06\xff\xd8\xff\xd9", &whole[2..]].concat();
        assert!(read(folder, &thumbnail).is_ok());
        assert!(read(folder, &thumbnail[..whole.len() / 2]).is_err());
    }

    #[test]
    fn an_image_is_turned_as_its_camera_noted() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        GrayImage::from_fn(40, 20, |x, _| Luma([if x < 20 { 0 } else { 250 }])).save(folder.join("plain.jpg")).unwrap();
        let plain = fs::read(folder.join("plain.jpg")).unwrap();
        // EXIF with one entry: orientation (0x112), a short, 6: to be turned a quarter clockwise.
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = (exif.len() as u16 + 2).to_be_bytes();
        let turned = [&plain[..2], b"\xff\xe1", &length, exif, &plain[2..]].concat();
        let turned = read(folder, &turned).unwrap().to_luma8();
        assert_eq!(turned.dimensions(), (20, 40));
        assert!(turned.get_pixel(10, 2).0[0] < 20 && turned.get_pixel(10, 37).0[0] > 230);
        assert_eq!(read(folder, &plain).unwrap().width(), 40);
    }
}
