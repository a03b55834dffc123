//! Which addresses are public: everything else could be the machine itself, its network, or a cloud's metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not reached. Reads on from "which".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("is no address of one host")]
    Unspecified,
    #[error("is this machine")]
    Loopback,
    #[error("is a private network")]
    Private,
    #[error("is a link-local address, where clouds keep their metadata")]
    LinkLocal,
    #[error("is a provider's shared network (carrier-grade NAT)")]
    Shared,
    #[error("is a multicast address")]
    Multicast,
    #[error("is reserved")]
    Reserved,
    #[error("is a cloud's metadata service")]
    Metadata,
}

/// Judges one resolved address. The ranges are those of the IANA special-purpose registries (RFC 6890) plus the one
/// metadata service that has a public address. The documentation ranges (TEST-NET, 2001:db8::/32) are not refused: nothing
/// private can be there, and closed networks use them as stand-ins for public hosts.
///
/// # Errors
/// [`Forbidden`], with the reason.
pub fn judge(address: IpAddr) -> Result<(), Forbidden> {
    match address {
        IpAddr::V4(address) => judge_v4(address),
        IpAddr::V6(address) => judge_v6(address),
    }
}

/// The same for a machine that a person calls one of his own: it may be this one, or in a private network. Where clouds keep their
/// metadata it is not.
///
/// # Errors
/// [`Forbidden`], with the reason.
pub fn judge_near(address: IpAddr) -> Result<(), Forbidden> {
    match judge(address) {
        // The metadata service of IPv6 clouds is in the private range.
        Err(Forbidden::Private) if address == IpAddr::V6(METADATA_V6) => Err(Forbidden::Metadata),
        Err(Forbidden::Loopback | Forbidden::Private | Forbidden::Shared)
            if !is_metadata(address) =>
        {
            Ok(())
        }
        other => other,
    }
}

const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// The metadata service that one cloud has in the shared range.
fn is_metadata(address: IpAddr) -> bool {
    address == IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200))
}

fn judge_v4(address: Ipv4Addr) -> Result<(), Forbidden> {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (0, ..) => Err(Forbidden::Unspecified),
        (127, ..) => Err(Forbidden::Loopback),
        (10, ..) | (192, 168, _) | (172, 16..=31, _) => Err(Forbidden::Private),
        (169, 254, _) => Err(Forbidden::LinkLocal),
        (100, 64..=127, _) => Err(Forbidden::Shared),
        (224..=239, ..) => Err(Forbidden::Multicast),
        // 240/4 with broadcast, protocol assignments, benchmarking, the old 6to4 relays.
        (240..=255, ..) | (192, 0, 0) | (198, 18..=19, _) | (192, 88, 99) => {
            Err(Forbidden::Reserved)
        }
        // The wire server of one large cloud: a public address that only its own machines can reach.
        (168, 63, 129) if address == Ipv4Addr::new(168, 63, 129, 16) => Err(Forbidden::Metadata),
        _ => Ok(()),
    }
}

fn judge_v6(address: Ipv6Addr) -> Result<(), Forbidden> {
    if let Some(inner) = embedded(address) {
        return judge_v4(inner);
    }
    let segments = address.segments();
    match segments[0] {
        _ if address.is_unspecified() => Err(Forbidden::Unspecified),
        _ if address.is_loopback() => Err(Forbidden::Loopback),
        0xfc00..=0xfdff => Err(Forbidden::Private),
        0xfe80..=0xfebf => Err(Forbidden::LinkLocal),
        0xfec0..=0xfeff => Err(Forbidden::Private),
        0xff00..=0xffff => Err(Forbidden::Multicast),
        // Teredo, ORCHID, discard-only, local NAT64 and the rest of the low addresses: tunnels to somewhere else.
        0x2001 if segments[1] < 0x0200 => Err(Forbidden::Reserved),
        // Public unicast is 2000::/3; nothing outside it is handed out.
        0x2000..=0x3fff => Ok(()),
        _ => Err(Forbidden::Reserved),
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped (::ffff:a.b.c.d), NAT64 (64:ff9b::a.b.c.d), 6to4 (2002:aabb:ccdd::).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let joined = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(joined(high, low))
        }
        [0x2002, high, low, ..] => Some(joined(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_pass_and_all_others_name_their_reason() {
        for good in [
            "8.8.8.8",
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "203.0.113.80",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert_eq!(judge(good.parse().expect("an address")), Ok(()), "{good}");
        }
        for (bad, reason) in [
            ("127.0.0.1", Forbidden::Loopback),
            ("127.255.255.254", Forbidden::Loopback),
            ("0.0.0.0", Forbidden::Unspecified),
            ("0.1.2.3", Forbidden::Unspecified),
            ("10.0.0.1", Forbidden::Private),
            ("172.16.0.1", Forbidden::Private),
            ("172.31.255.255", Forbidden::Private),
            ("192.168.1.1", Forbidden::Private),
            ("169.254.169.254", Forbidden::LinkLocal),
            ("100.64.0.1", Forbidden::Shared),
            ("100.100.100.200", Forbidden::Shared),
            ("224.0.0.1", Forbidden::Multicast),
            ("255.255.255.255", Forbidden::Reserved),
            ("240.0.0.1", Forbidden::Reserved),
            ("192.0.0.192", Forbidden::Reserved),
            ("198.18.0.1", Forbidden::Reserved),
            ("168.63.129.16", Forbidden::Metadata),
            ("::", Forbidden::Unspecified),
            ("::1", Forbidden::Loopback),
            ("fd00:ec2::254", Forbidden::Private),
            ("fe80::1", Forbidden::LinkLocal),
            ("ff02::1", Forbidden::Multicast),
            ("::ffff:127.0.0.1", Forbidden::Loopback),
            ("::ffff:169.254.169.254", Forbidden::LinkLocal),
            ("64:ff9b::a9fe:a9fe", Forbidden::LinkLocal),
            ("2002:7f00:1::", Forbidden::Loopback),
            ("2001::1", Forbidden::Reserved),
            ("::127.0.0.1", Forbidden::Reserved),
            ("100::1", Forbidden::Reserved),
            ("64:ff9b:1::1", Forbidden::Reserved),
        ] {
            assert_eq!(
                judge(bad.parse().expect("an address")),
                Err(reason),
                "{bad}"
            );
        }
    }
}
