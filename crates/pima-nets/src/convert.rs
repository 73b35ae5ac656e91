//! Between `ndarray` and `tch`: one copy each way, no more.

use crate::{Error, Result};
use ndarray::{Array1, Array2, ArrayView, Dimension};
use tch::{Device, Kind, Tensor};

/// A float tensor of the same shape on `device`.
///
/// # Errors
/// When libtorch cannot allocate.
pub fn tensor_from_f64<D: Dimension>(array: ArrayView<'_, f64, D>, device: Device) -> Result<Tensor> {
    let shape: Vec<i64> = array.shape().iter().map(|&n| n as i64).collect();
    let values: Vec<f32> = array.iter().map(|&x| x as f32).collect();
    Ok(Tensor::f_from_slice(&values)?.f_view(shape.as_slice())?.f_to(device)?)
}

/// A float tensor from a row-major slice with the given shape on `device`.
///
/// # Errors
/// When the slice does not hold as many values as the shape, or libtorch cannot allocate.
pub fn tensor_from_f32(values: &[f32], shape: &[i64], device: Device) -> Result<Tensor> {
    Ok(Tensor::f_from_slice(values)?.f_view(shape)?.f_to(device)?)
}

/// A two-dimensional tensor as f64.
///
/// # Errors
/// When the tensor does not have two dimensions.
pub fn to_array2(tensor: &Tensor) -> Result<Array2<f64>> {
    let shape = tensor.size();
    let &[rows, columns] = shape.as_slice() else {
        return Err(Error::Shape { operation: "to_array2", expected: vec![-1, -1], got: shape });
    };
    let values = to_vec(tensor)?;
    Ok(Array2::from_shape_vec((rows as usize, columns as usize), values).expect("as many values as the shape says"))
}

/// A tensor of any shape, flattened, as f64.
///
/// # Errors
/// When libtorch cannot copy it.
pub fn to_array1(tensor: &Tensor) -> Result<Array1<f64>> {
    Ok(Array1::from_vec(to_vec(tensor)?))
}

fn to_vec(tensor: &Tensor) -> Result<Vec<f64>> {
    let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?.f_contiguous()?.f_view(-1)?;
    Ok(Vec::<f64>::try_from(&flat)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn there_and_back() {
        let array = array![[1.0, 2.5, -3.0], [0.0, 7.0, 1e-3_f32 as f64]];
        let tensor = tensor_from_f64(array.view(), Device::Cpu).unwrap();
        assert_eq!(tensor.size(), [2, 3]);
        assert_eq!(to_array2(&tensor).unwrap(), array);
        assert_eq!(to_array2(&tensor.tr()).unwrap(), array.t());
        assert!(to_array2(&tensor.view(-1)).is_err());
        assert!(tensor_from_f32(&[1.0; 5], &[2, 3], Device::Cpu).is_err());
    }
}
