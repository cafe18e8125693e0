//! What a run's card is doing, asked of NVML: load, memory, power, temperature.

use crate::nn::Device;
#[cfg(feature = "cuda")]
use crate::nn::kernel::cuda::nvml::{self, Opened};
use crate::run::event::System;
#[cfg(feature = "cuda")]
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;

/// A card, and NVML where there is one.
pub struct CardLoad {
    index: u8,
    /// NVML numbers cards in its own order, so the card is asked for by its place on the bus.
    #[cfg(feature = "cuda")]
    nvml: Option<(Opened, String)>,
}

impl CardLoad {
    /// None for the CPU.
    pub fn of(device: Device) -> Option<CardLoad> {
        let Device::Cuda(index) = device else { return None };
        #[cfg(feature = "cuda")]
        let nvml = nvml::open().ok().and_then(|opened| Some((opened, device.card()?.pci_bus)));
        Some(CardLoad {
            index,
            #[cfg(feature = "cuda")]
            nvml,
        })
    }

    /// Adds what is known of the card; what NVML does not say (a slice of a card has no load of its own) stays absent.
    pub fn measure(&self, system: &mut System) {
        system.gpu = Some(self.index);
        #[cfg(feature = "cuda")]
        if let Some((Opened { nvml, .. }, bus)) = &self.nvml
            && let Ok(card) = nvml.device_by_pci_bus_id(bus.clone())
        {
            system.gpu_percent = card.utilization_rates().ok().map(|load| f64::from(load.gpu));
            let memory = card.memory_info().ok();
            system.gpu_memory_bytes = memory.as_ref().map(|m| m.used);
            system.gpu_memory_total_bytes = memory.as_ref().map(|m| m.total);
            system.gpu_power_watts = card.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1000.0);
            system.gpu_temperature_c = card.temperature(TemperatureSensor::Gpu).ok().map(f64::from);
        }
    }
}
