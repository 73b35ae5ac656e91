//! Where the tensors live, and how many threads libtorch uses.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use tch::{Cuda, Device};

/// The device a user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The processor.
    Cpu,
    /// The first CUDA device; an error where there is none.
    Cuda,
    /// CUDA where there is one, else the processor.
    #[default]
    Auto,
}

impl DeviceChoice {
    /// The device this choice means on this machine.
    ///
    /// # Errors
    /// [`Error::NoCuda`] when CUDA was asked for and libtorch was built without it or finds no device.
    pub fn resolve(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok(Device::cuda_if_available()),
            Self::Cuda if Cuda::is_available() => Ok(Device::Cuda(0)),
            Self::Cuda => Err(Error::NoCuda(
                "not available: this libtorch was built without CUDA (cargo xtask build --cuda) or there is no CUDA device",
            )),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "auto" => Ok(Self::Auto),
            _ => Err("expected cpu, cuda or auto"),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Auto => "auto",
        })
    }
}

/// `cpu` or `cuda:0`, as a summary prints it.
pub fn describe_device(device: Device) -> String {
    match device {
        Device::Cpu => "cpu".to_owned(),
        Device::Cuda(index) => format!("cuda:{index}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Sets the number of threads that libtorch's operations use, and returns the number in use. `None` leaves libtorch's own choice.
pub fn set_threads(threads: Option<usize>) -> usize {
    if let Some(n) = threads {
        tch::set_num_threads(i32::try_from(n).unwrap_or(i32::MAX));
    }
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_where_there_is_none_says_what_to_do() {
        if !Cuda::is_available() {
            let message = DeviceChoice::Cuda.resolve().unwrap_err().to_string();
            assert!(message.contains("--device cpu"), "{message}");
            assert_eq!(DeviceChoice::Auto.resolve().unwrap(), Device::Cpu);
        }
    }

    #[test]
    fn names_round_trip() {
        for choice in [DeviceChoice::Cpu, DeviceChoice::Cuda, DeviceChoice::Auto] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert!("gpu".parse::<DeviceChoice>().is_err());
    }
}
