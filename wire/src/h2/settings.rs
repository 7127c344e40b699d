//! The payload of SETTINGS (RFC 9113 §6.5.1).

use super::{DEFAULT_MAX_FRAME_SIZE, Fault, MAX_FRAME_SIZE, MAX_WINDOW, SettingId};

/// The settings of a frame, in order and all in range. Repeated ones are all there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Settings<'a> {
    octets: &'a [u8],
}

/// Settings to be sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SettingsPayload {
    octets: Vec<u8>,
}

impl<'a> Settings<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// [`Fault::SettingsLength`], or what [`SettingsPayload::push`] says of a value.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Fault> {
        if !payload.len().is_multiple_of(SETTING_LEN) {
            return Err(Fault::SettingsLength);
        }
        let settings = Self { octets: payload };
        settings.iter().try_for_each(|(id, value)| check(id, value))?;
        Ok(settings)
    }

    /// The settings in order. Later ones override earlier ones (RFC 9113 §6.5.3).
    pub fn iter(self) -> impl Iterator<Item = (SettingId, u32)> + use<'a> {
        self.octets.chunks_exact(SETTING_LEN).filter_map(|octets| {
            let (id, value) = octets.split_first_chunk()?;
            let value = value.first_chunk()?;
            Some((SettingId(u16::from_be_bytes(*id)), u32::from_be_bytes(*value)))
        })
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.octets.len() / SETTING_LEN
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.octets.is_empty()
    }

    pub(super) fn octets(self) -> &'a [u8] {
        self.octets
    }
}

impl SettingsPayload {
    /// Adds a setting.
    ///
    /// # Errors
    ///
    /// The fault of a value out of range, [`Fault::InvalidMaxFrameSize`] say.
    pub fn push(&mut self, id: SettingId, value: u32) -> Result<(), Fault> {
        check(id, value)?;
        self.octets.extend_from_slice(&id.0.to_be_bytes());
        self.octets.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    /// Borrows it, for a frame.
    pub fn view(&self) -> Settings<'_> {
        Settings { octets: &self.octets }
    }
}

/// The ranges of values. Unknown settings have none.
fn check(id: SettingId, value: u32) -> Result<(), Fault> {
    match (id, value) {
        (SettingId::ENABLE_PUSH, 2..) => Err(Fault::InvalidEnablePush),
        (SettingId::INITIAL_WINDOW_SIZE, value) if value > MAX_WINDOW => {
            Err(Fault::InvalidInitialWindowSize)
        }
        (SettingId::MAX_FRAME_SIZE, value)
            if !(DEFAULT_MAX_FRAME_SIZE..=MAX_FRAME_SIZE).contains(&value) =>
        {
            Err(Fault::InvalidMaxFrameSize)
        }
        (SettingId::ENABLE_CONNECT_PROTOCOL, 2..) => Err(Fault::InvalidEnableConnectProtocol),
        (SettingId::NO_RFC7540_PRIORITIES, 2..) => Err(Fault::InvalidNoRfc7540Priorities),
        _ => Ok(()),
    }
}

/// Two octets of identifier and four of value.
const SETTING_LEN: usize = 6;
