//! Pictures: what an upload is, by its bytes and not by its name; made square, made small, within limits that hold
//! against files made to fill the memory.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

/// A larger file is no cover.
pub const MAX_BYTES: usize = 10 * 1024 * 1024;
/// Each side of a cover.
pub const COVER_PIXELS: u32 = 1400;
/// The two sizes that pages ask for: in a grid, and beside an album's tracks.
pub const THUMBNAIL_PIXELS: [u32; 2] = [200, 600];

const MAX_SIDE: u32 = 12_000;
const MAX_PIXELS: u64 = 64_000_000;
/// Of memory while decoding: 64 megapixels of 32 bits, and what the decoder itself needs.
const MAX_MEMORY: u64 = 400 * 1024 * 1024;
const COVER_QUALITY: u8 = 92;
const THUMBNAIL_QUALITY: u8 = 85;

/// Why a picture cannot be used; a sentence for whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Another kind of file.
    #[error("The picture must be a JPEG, PNG or WebP file.")]
    Kind,
    /// More bytes than [`MAX_BYTES`].
    #[error("The picture is larger than 10 MB.")]
    Large,
    /// More pixels than anyone needs, or than memory takes.
    #[error("The picture has too many pixels: at most 12,000 on a side and 64 million in all.")]
    Pixels,
    /// It does not decode.
    #[error("The picture is damaged: {0}")]
    Damaged(String),
}

type Result<T, E = Unusable> = std::result::Result<T, E>;

/// Looks at a file's first bytes: whether it is a picture that can be used. Width and height.
///
/// # Errors
/// [`Unusable`].
pub fn look(bytes: &[u8]) -> Result<(u32, u32)> {
    if bytes.len() > MAX_BYTES {
        return Err(Unusable::Large);
    }
    let format = format(bytes)?;
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let size = guarded(|| reader.into_dimensions())?.map_err(|e| Unusable::Damaged(e.to_string()))?;
    within_limits(size)
}

fn format(bytes: &[u8]) -> Result<ImageFormat> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Ok(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(ImageFormat::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(ImageFormat::WebP),
        _ => Err(Unusable::Kind),
    }
}

/// Of a picture that can be used.
///
/// # Errors
/// [`Unusable::Kind`].
pub fn media_type(bytes: &[u8]) -> Result<&'static str> {
    format(bytes).map(|format| format.to_mime_type())
}

fn within_limits((width, height): (u32, u32)) -> Result<(u32, u32)> {
    let is_sane = width > 0
        && height > 0
        && width <= MAX_SIDE
        && height <= MAX_SIDE
        && u64::from(width) * u64::from(height) <= MAX_PIXELS;
    if is_sane { Ok((width, height)) } else { Err(Unusable::Pixels) }
}

/// A cover as it is stored: upright, the square in the middle, at most 1400 pixels a side, JPEG.
///
/// # Errors
/// [`Unusable`].
pub fn cover(bytes: &[u8]) -> Result<Vec<u8>> {
    look(bytes)?;
    let square = square(decode(bytes)?);
    let side = square.width();
    let square = if side > COVER_PIXELS {
        square.resize_exact(COVER_PIXELS, COVER_PIXELS, FilterType::CatmullRom)
    } else {
        square
    };
    encode(&square, COVER_QUALITY)
}

/// The two sizes of [`THUMBNAIL_PIXELS`], in that order: the whole picture, fit into a square of that size and never
/// made larger. JPEG.
///
/// # Errors
/// [`Unusable`].
pub fn thumbnails(bytes: &[u8]) -> Result<[Vec<u8>; 2]> {
    within_limits(look_inside(bytes)?)?;
    let picture = decode(bytes)?;
    let [small, large] = THUMBNAIL_PIXELS;
    // The small one is made from the large one, which holds all that can be seen of it.
    let large = fit(picture, large);
    let small = fit(large.clone(), small);
    Ok([encode(&small, THUMBNAIL_QUALITY)?, encode(&large, THUMBNAIL_QUALITY)?])
}

/// A cover of the library may be larger than an upload.
fn look_inside(bytes: &[u8]) -> Result<(u32, u32)> {
    let format = format(bytes)?;
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    guarded(|| reader.into_dimensions())?.map_err(|e| Unusable::Damaged(e.to_string()))
}

fn fit(picture: DynamicImage, side: u32) -> DynamicImage {
    let longest = picture.width().max(picture.height());
    if longest <= side {
        return picture;
    }
    let scaled = |n: u32| {
        let n = u64::from(n) * u64::from(side) / u64::from(longest);
        u32::try_from(n).unwrap_or(side).max(1)
    };
    picture.thumbnail_exact(scaled(picture.width()), scaled(picture.height()))
}

/// All pixels, upright, on white, eight bits a colour. Of a picture that moves, the one that programs show that do not
/// know how: the first of a WebP, the default image of a PNG. Four colours of a JPEG are taken for inverted CMYK (or YCCK,
/// when Adobe's marker says so), as Adobe writes them and browsers read them, whether the marker is there or not.
fn decode(bytes: &[u8]) -> Result<DynamicImage> {
    let damaged = |e: image::ImageError| match e {
        image::ImageError::Limits(_) => Unusable::Pixels,
        e => Unusable::Damaged(e.to_string()),
    };
    let format = format(bytes)?;
    guarded(|| {
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_MEMORY);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(damaged)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut picture = on_white(DynamicImage::from_decoder(decoder).map_err(damaged)?);
        picture.apply_orientation(orientation);
        Ok(picture)
    })?
}

fn on_white(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return DynamicImage::ImageRgb8(picture.into_rgb8());
    }
    let picture = picture.into_rgba8();
    let mut flat = RgbImage::new(picture.width(), picture.height());
    for (to, from) in flat.pixels_mut().zip(picture.pixels()) {
        let [r, g, b, alpha] = from.0;
        let over = |colour: u8| {
            let (colour, alpha) = (u32::from(colour), u32::from(alpha));
            u8::try_from((colour * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        };
        to.0 = [over(r), over(g), over(b)];
    }
    DynamicImage::ImageRgb8(flat)
}

fn square(picture: DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    if width == height {
        picture
    } else {
        picture.crop_imm((width - side) / 2, (height - side) / 2, side, side)
    }
}

fn encode(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    picture.write_with_encoder(encoder).map_err(|e| Unusable::Damaged(e.to_string()))?;
    Ok(bytes)
}

/// Runs a decoder of other people's; its panic means: damaged.
fn guarded<T>(decode: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).map_err(|_| Unusable::Damaged("it cannot be decoded".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GenericImageView, ImageEncoder, Rgb, Rgba, RgbaImage};

    fn png(picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn halves(width: u32, height: u32) -> DynamicImage {
        let colour = |x: u32| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) };
        DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, _| colour(x)))
    }

    fn opened(bytes: &[u8]) -> DynamicImage {
        image::load_from_memory_with_format(bytes, ImageFormat::Jpeg).unwrap()
    }

    #[test]
    fn a_cover_is_the_square_in_the_middle_and_never_grows() {
        for ((width, height), side) in
            [((300, 200), 200), ((200, 300), 200), ((2000, 1600), 1400), ((64, 64), 64)]
        {
            let made = opened(&cover(&png(&halves(width, height))).unwrap());
            assert_eq!(made.dimensions(), (side, side), "{width} x {height}");
            let (left, right) = (made.get_pixel(2, side / 2), made.get_pixel(side - 3, side / 2));
            assert!(left[0] > 200 && right[2] > 200, "{left:?} {right:?}");
        }
    }

    #[test]
    fn what_exif_turns_is_upright() {
        let mut bytes = Vec::new();
        let picture = halves(80, 40).into_rgb8();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
        // TIFF header, one entry: orientation 6, turn right by 90 degrees.
        let exif = [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".as_slice()].concat();
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(&picture, 80, 40, image::ExtendedColorType::Rgb8).unwrap();
        let upright = decode(&bytes).unwrap();
        assert_eq!(upright.dimensions(), (40, 80));
        assert!(upright.get_pixel(20, 5)[0] > 200, "red is on top");
    }

    #[test]
    fn deep_clear_and_grey_pictures_become_plain_ones() {
        let clear = RgbaImage::from_pixel(40, 40, Rgba([0, 0, 0, 0]));
        let made = opened(&cover(&png(&DynamicImage::ImageRgba8(clear))).unwrap());
        assert!(made.get_pixel(20, 20)[1] > 250, "clear is white");
        for picture in [
            DynamicImage::new_rgb16(50, 50),
            DynamicImage::new_rgba16(50, 50),
            DynamicImage::new_luma16(50, 50),
            DynamicImage::new_luma_a8(50, 50),
        ] {
            assert_eq!(opened(&cover(&png(&picture)).unwrap()).dimensions(), (50, 50));
        }
    }

    #[test]
    fn bombs_strangers_and_fragments_are_refused() {
        // A PNG that claims to be 30,000 pixels wide, in a few bytes.
        let mut bomb = png(&halves(10, 10));
        bomb[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
        let crc = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(look(&bomb), Err(Unusable::Pixels));
        assert_eq!(look(b"GIF89a......"), Err(Unusable::Kind));
        assert_eq!(look(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), Err(Unusable::Kind));
        assert_eq!(look(&[]), Err(Unusable::Kind));
        assert_eq!(look(&vec![0xff; MAX_BYTES + 1]), Err(Unusable::Large));
        let whole = png(&halves(300, 300));
        for end in (8..whole.len()).step_by(7) {
            drop(cover(&whole[..end]));
        }
        assert!(matches!(cover(&whole[..60]), Err(Unusable::Damaged(_))));
    }

    #[test]
    fn no_flipped_bits_make_it_panic() {
        let mut jpeg = Vec::new();
        halves(90, 60).write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, 80)).unwrap();
        let mut webp = Cursor::new(Vec::new());
        halves(90, 60).write_to(&mut webp, ImageFormat::WebP).unwrap();
        let mut seed = 11_u64;
        for sample in [jpeg, webp.into_inner(), png(&halves(90, 60))] {
            for _ in 0..300 {
                let mut bytes = sample.clone();
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (seed >> 33) as usize % bytes.len();
                bytes[at] ^= (seed >> 20) as u8 | 1;
                drop(thumbnails(&bytes));
            }
        }
    }

    #[test]
    fn thumbnails_keep_their_shape() {
        let [small, large] = thumbnails(&png(&halves(1000, 500))).unwrap();
        assert_eq!(opened(&small).dimensions(), (200, 100));
        assert_eq!(opened(&large).dimensions(), (600, 300));
        let [small, large] = thumbnails(&png(&halves(150, 150))).unwrap();
        assert_eq!((opened(&small).width(), opened(&large).width()), (150, 150));
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |crc, b| {
            (0..8).fold(crc ^ u32::from(*b), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
        })
    }

    /// A JPEG of 16 x 16 pixels, all of one colour of four, as ITU T.81 describes it: of each block only the mean.
    fn four_colours(adobe: Option<u8>, colours: [u8; 4]) -> Vec<u8> {
        let mut jpeg = vec![0xff, 0xd8];
        let mut segment = |marker: u8, body: &[&[u8]]| {
            let body = body.concat();
            jpeg.extend([0xff, marker]);
            jpeg.extend((body.len() as u16 + 2).to_be_bytes());
            jpeg.extend(body);
        };
        if let Some(transform) = adobe {
            segment(0xee, &[b"Adobe\0\x64\0\0\0\0", &[transform]]);
        }
        segment(0xdb, &[&[0], &[1; 64]]);
        segment(0xc0, &[&[8, 0, 16, 0, 16, 4], &[1, 0x11, 0], &[2, 0x11, 0], &[3, 0x11, 0], &[4, 0x11, 0]]);
        // The mean's category in four bits; nothing but the end of a block in one.
        segment(0xc4, &[&[0x00], &[0, 0, 0, 12], &[0; 12], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]);
        segment(0xc4, &[&[0x10], &[1], &[0; 15], &[0]]);
        segment(0xda, &[&[4], &[1, 0], &[2, 0], &[3, 0], &[4, 0], &[0, 63, 0]]);
        let mut bits: Vec<bool> = Vec::new();
        let mut put = |value: u32, length: u32| bits.extend((0..length).rev().map(|n| value >> n & 1 == 1));
        for block in 0..4 {
            for colour in colours {
                let mean = if block == 0 { (i32::from(colour) - 128) * 8 } else { 0 };
                let category = 32 - mean.unsigned_abs().leading_zeros();
                put(category, 4);
                put((mean + if mean < 0 { (1 << category) - 1 } else { 0 }) as u32, category);
                put(0, 1);
            }
        }
        for eight in bits.chunks(8) {
            let byte = (0..8).fold(0, |byte, n| byte << 1 | u8::from(*eight.get(n).unwrap_or(&true)));
            jpeg.push(byte);
            if byte == 0xff {
                jpeg.push(0);
            }
        }
        jpeg.extend([0xff, 0xd9]);
        jpeg
    }

    #[test]
    fn four_colours_are_read_as_adobe_writes_them() {
        for (adobe, colours, expected) in [
            // Inverted: 255 is no ink.
            (Some(0), [0, 255, 255, 255], [0, 255, 255]),
            (Some(0), [255, 255, 255, 255], [255, 255, 255]),
            (Some(0), [255, 255, 255, 0], [0, 0, 0]),
            (Some(0), [255, 128, 0, 128], [128, 64, 0]),
            (None, [0, 255, 255, 255], [0, 255, 255]),
            // Luminance and colour differences of the inks, which are inverted too.
            (Some(2), [0, 128, 128, 255], [255, 255, 255]),
            (Some(2), [255, 128, 128, 255], [0, 0, 0]),
            (Some(2), [0, 128, 128, 100], [100, 100, 100]),
        ] {
            let bytes = four_colours(adobe, colours);
            let made = opened(&cover(&bytes).unwrap());
            assert_eq!(made.dimensions(), (16, 16));
            let seen = made.get_pixel(8, 8).0;
            let is_near = expected.iter().zip(seen).all(|(a, b)| b.abs_diff(*a) <= 4);
            assert!(is_near, "{adobe:?} {colours:?}: {seen:?}, not {expected:?}");
            assert!(thumbnails(&bytes).is_ok());
        }
    }

    fn plain(colour: [u8; 3], format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::from_pixel(40, 40, Rgb(colour)).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn riff(kind: &[u8], body: &[u8]) -> Vec<u8> {
        [kind, &(body.len() as u32).to_le_bytes(), body, &[0][..body.len() % 2]].concat()
    }

    /// Red, then blue, as the WebP container specification says.
    fn moving_webp() -> Vec<u8> {
        let frame = |colour| {
            let still = plain(colour, ImageFormat::WebP);
            riff(b"ANMF", &[&[0; 6][..], &[39, 0, 0, 39, 0, 0], &[100, 0, 0], &[0], &still[12..]].concat())
        };
        let size = riff(b"VP8X", &[&[2, 0, 0, 0][..], &[39, 0, 0, 39, 0, 0]].concat());
        let all = [size, riff(b"ANIM", &[0; 6]), frame([255, 0, 0]), frame([0, 0, 255])].concat();
        riff(b"RIFF", &[b"WEBP".as_slice(), &all].concat())
    }

    /// Red, then blue, as the PNG specification (third edition) says.
    fn moving_png() -> Vec<u8> {
        let chunk = |kind: &[u8], body: &[u8]| {
            let both = [kind, body].concat();
            [&(body.len() as u32).to_be_bytes(), both.as_slice(), &crc32(&both).to_be_bytes()].concat()
        };
        let control = |n: u32| {
            let (n, side, zero) = (n.to_be_bytes(), 40_u32.to_be_bytes(), [0; 4]);
            chunk(b"fcTL", &[n, side, side, zero, zero, [0, 1, 0, 10], [0, 0, 0, 0]].concat()[..26])
        };
        let data = |png: &[u8]| {
            let at = png.windows(4).position(|w| w == b"IDAT").unwrap();
            let length = u32::from_be_bytes(png[at - 4..at].try_into().unwrap()) as usize;
            png[at + 4..at + 4 + length].to_vec()
        };
        let (red, blue) = (plain([255, 0, 0], ImageFormat::Png), plain([0, 0, 255], ImageFormat::Png));
        let second = [&2_u32.to_be_bytes(), data(&blue).as_slice()].concat();
        [
            &red[..33],
            &chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
            &control(0),
            &chunk(b"IDAT", &data(&red)),
            &control(1),
            &chunk(b"fdAT", &second),
            &chunk(b"IEND", &[]),
        ]
        .concat()
    }

    #[test]
    fn of_a_picture_that_moves_the_first_is_taken() {
        for (what, bytes) in [("WebP", moving_webp()), ("PNG", moving_png())] {
            let [small, _] = thumbnails(&bytes).unwrap_or_else(|e| panic!("{what}: {e}"));
            for made in [cover(&bytes).unwrap(), small] {
                let seen = opened(&made).get_pixel(20, 20).0;
                assert!(seen[0] > 240 && seen[2] < 15, "{what}: {seen:?}");
            }
        }
    }
}
