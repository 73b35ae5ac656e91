//! All parameters of a model in one flat tensor.
//!
//! Networks hold indices, [`Parameters`] holds values: each parameter is a view into one contiguous tensor, so that an optimiser step, a checkpoint and
//! a copy of the best model are single operations whatever the number of layers. Buffers (the running statistics of batch normalisation) are kept
//! the same way, beside them.

use crate::network::Precision;
use crate::{Error, Result};
use rand::Rng;
use tch::{Device, Kind, Tensor, no_grad};

/// Index of a parameter.
pub(crate) type ParameterId = usize;
/// Index of a buffer.
pub(crate) type BufferId = usize;

/// The distribution a parameter starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Init {
    Constant(f32),
    /// Uniform on (-bound, bound).
    Uniform(f32),
}

#[derive(Debug, Clone)]
struct Slot {
    name: String,
    shape: Vec<i64>,
    offset: i64,
    len: i64,
}

/// Collects the parameters of networks while they are built; [`ParameterBuilder::finish`] allocates them together.
#[derive(Debug, Default)]
pub struct ParameterBuilder {
    slots: Vec<Slot>,
    values: Vec<f32>,
    buffer_slots: Vec<Slot>,
    buffer_values: Vec<f32>,
}

impl ParameterBuilder {
    /// No parameters yet.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn parameter(&mut self, name: String, shape: &[usize], init: Init, rng: &mut impl Rng) -> ParameterId {
        let len = shape.iter().product::<usize>();
        push_slot(&mut self.slots, &self.values, name, shape, len);
        match init {
            Init::Constant(value) => self.values.extend(std::iter::repeat_n(value, len)),
            Init::Uniform(bound) => self.values.extend((0..len).map(|_| rng.random_range(-bound..bound))),
        }
        self.slots.len() - 1
    }

    pub(crate) fn buffer(&mut self, name: String, shape: &[usize], value: f32) -> BufferId {
        let len = shape.iter().product::<usize>();
        push_slot(&mut self.buffer_slots, &self.buffer_values, name, shape, len);
        self.buffer_values.extend(std::iter::repeat_n(value, len));
        self.buffer_slots.len() - 1
    }

    /// Allocates all parameters on `device`, for networks that convolve in `precision`.
    ///
    /// # Errors
    /// When libtorch cannot allocate.
    pub fn finish(self, device: Device, precision: Precision) -> Result<Parameters> {
        let flat = Tensor::f_from_slice(&self.values)?.f_to(device)?;
        let buffers = Tensor::f_from_slice(&self.buffer_values)?.f_to(device)?;
        let views = views(&flat, &self.slots, true)?;
        let buffer_views = views_of_buffers(&buffers, &self.buffer_slots)?;
        Ok(Parameters {
            slots: self.slots,
            buffer_slots: self.buffer_slots,
            flat,
            views,
            buffers,
            buffer_views,
            precision: precision.resolve(device),
        })
    }
}

fn push_slot(slots: &mut Vec<Slot>, values: &[f32], name: String, shape: &[usize], len: usize) {
    let shape = shape.iter().map(|&n| n as i64).collect();
    slots.push(Slot { name, shape, offset: values.len() as i64, len: len as i64 });
}

fn views(flat: &Tensor, slots: &[Slot], requires_grad: bool) -> Result<Vec<Tensor>> {
    slots
        .iter()
        .map(|slot| {
            let view = flat.f_narrow(0, slot.offset, slot.len)?.f_view(slot.shape.as_slice())?;
            // A view of a tensor without gradient is a leaf: gradients stop here, and updates of the flat tensor show through.
            Ok(view.f_set_requires_grad(requires_grad)?)
        })
        .collect()
}

fn views_of_buffers(flat: &Tensor, slots: &[Slot]) -> Result<Vec<Tensor>> {
    views(flat, slots, false)
}

/// The values of all parameters and buffers of a model.
#[derive(Debug)]
pub struct Parameters {
    slots: Vec<Slot>,
    buffer_slots: Vec<Slot>,
    flat: Tensor,
    views: Vec<Tensor>,
    buffers: Tensor,
    buffer_views: Vec<Tensor>,
    precision: Precision,
}

impl Parameters {
    /// Number of trained values (buffers not counted).
    pub fn count(&self) -> usize {
        self.slots.iter().map(|slot| slot.len as usize).sum()
    }

    /// Number of trained values whose name starts with `prefix`.
    pub fn count_of(&self, prefix: &str) -> usize {
        self.slots.iter().filter(|slot| slot.name.starts_with(prefix)).map(|slot| slot.len as usize).sum()
    }

    /// The device the values live on.
    pub fn device(&self) -> Device {
        self.flat.device()
    }

    /// The arithmetic of the two-dimensional convolutions, never [`Precision::Auto`].
    pub fn precision(&self) -> Precision {
        self.precision
    }

    pub(crate) fn get(&self, id: ParameterId) -> &Tensor {
        &self.views[id]
    }

    pub(crate) fn buffer(&self, id: BufferId) -> &Tensor {
        &self.buffer_views[id]
    }

    pub(crate) fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// The parameters whose indices are in `ids`, and their gradients of the scalar `loss`, added into `gradient` (flat, as long as [`Self::count`]).
    /// `extra` are further leaves; their gradients are returned. The graph behind `loss` is freed.
    ///
    /// # Errors
    /// When libtorch cannot differentiate.
    pub fn backward(&self, loss: &Tensor, ids: &[usize], extra: &[&Tensor], gradient: &Tensor) -> Result<Vec<Tensor>> {
        let mut leaves: Vec<&Tensor> = ids.iter().map(|&id| &self.views[id]).collect();
        leaves.extend_from_slice(extra);
        let mut gradients = Tensor::f_run_backward(&[loss], &leaves, false, false)?;
        let rest = gradients.split_off(ids.len());
        no_grad(|| -> Result<()> {
            for (&id, g) in ids.iter().zip(&gradients) {
                let slot = &self.slots[id];
                if g.defined() {
                    let _ = gradient.f_narrow(0, slot.offset, slot.len)?.f_add_(&g.f_reshape([slot.len])?)?;
                }
            }
            Ok(())
        })?;
        Ok(rest)
    }

    /// A zero gradient for [`Self::backward`].
    pub fn zero_gradient(&self) -> Tensor {
        self.flat.zeros_like()
    }

    /// Names, shapes and values of parameters and buffers, on the processor, in the order of building; buffers come last.
    pub fn named_values(&self) -> Vec<(String, Vec<i64>, Tensor)> {
        let all = self.slots.iter().zip(&self.views).chain(self.buffer_slots.iter().zip(&self.buffer_views));
        all.map(|(slot, view)| {
            (slot.name.clone(), slot.shape.clone(), view.detach().to_device(Device::Cpu).contiguous())
        })
        .collect()
    }

    /// All parameters, then all buffers, in one vector.
    ///
    /// # Errors
    /// When libtorch cannot copy.
    pub fn snapshot(&self) -> Result<Vec<f32>> {
        let mut values = Vec::<f32>::try_from(self.flat.f_to(Device::Cpu)?)?;
        values.extend(Vec::<f32>::try_from(self.buffers.f_to(Device::Cpu)?)?);
        Ok(values)
    }

    /// Puts a [`Self::snapshot`] back.
    ///
    /// # Errors
    /// [`Error::StoredSize`] when it was taken from another network.
    pub fn restore(&mut self, snapshot: &[f32]) -> Result<()> {
        let n = self.count();
        let expected = n + self.buffer_slots.iter().map(|slot| slot.len as usize).sum::<usize>();
        if snapshot.len() != expected {
            return Err(Error::StoredSize { expected, got: snapshot.len() });
        }
        no_grad(|| -> Result<()> {
            self.flat.f_copy_(&Tensor::f_from_slice(&snapshot[..n])?)?;
            self.buffers.f_copy_(&Tensor::f_from_slice(&snapshot[n..])?)?;
            Ok(())
        })
    }

    /// A copy with values of its own: the same networks can be run with either.
    ///
    /// # Errors
    /// When libtorch cannot allocate.
    pub fn duplicate(&self) -> Result<Self> {
        let (flat, buffers) = no_grad(|| (self.flat.copy(), self.buffers.copy()));
        Ok(Self {
            views: views(&flat, &self.slots, true)?,
            buffer_views: views_of_buffers(&buffers, &self.buffer_slots)?,
            slots: self.slots.clone(),
            buffer_slots: self.buffer_slots.clone(),
            flat,
            buffers,
            precision: self.precision,
        })
    }

    /// Whether every value is finite.
    pub fn is_finite(&self) -> bool {
        bool::try_from(self.flat.isfinite().all()).unwrap_or(false) && self.flat.kind() == Kind::Float
    }
}
