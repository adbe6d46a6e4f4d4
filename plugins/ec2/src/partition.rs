//! Pure: regions, the partitions that they belong to, and the URLs of their services.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::http::{Url, endpoint_url, is_loopback, parse_url};

/// The prefixes of region names, with the DNS suffix of the services there. The first prefix that fits counts.
///
/// From `partitions.json` of botocore, which every client of Amazon uses.
const SUFFIXES: [(&str, &str); 8] = [
    ("us-gov-", AMAZON),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("", AMAZON),
];

const AMAZON: &str = "amazonaws.com";

/// A region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The name, as it is part of a signature.
    pub name: String,
    /// The DNS suffix of the services in its partition.
    pub suffix: &'static str,
}

impl Region {
    /// Reads the parameter `region`. Only the region of another service than Amazon's (`is_private`) may have any name.
    pub fn new(name: &str, is_private: bool) -> Result<Self, GatherError> {
        let name = name.trim();
        let is_valid = if is_private { is_word(name) } else { is_amazon_region(name) };
        if is_valid {
            let suffix = SUFFIXES.iter().find(|(prefix, _)| name.starts_with(prefix));
            let suffix = suffix.map_or(AMAZON, |(_, suffix)| suffix);
            return Ok(Self { name: name.to_owned(), suffix });
        }
        let error = GatherError::configuration("the parameter region is not the name of a region");
        let of_zone = name.strip_suffix(|last: char| last.is_ascii_lowercase());
        Err(match of_zone.filter(|region| is_amazon_region(region)) {
            Some(region) => {
                error.with_hint(format!("it is a zone: set region to {region} and zone to {name}"))
            }
            None => error.with_hint("use a code such as eu-central-1"),
        })
    }

    /// The URL of a service in this region.
    pub fn service(&self, service: &str) -> Result<Url, GatherError> {
        let Self { name, suffix } = self;
        parse_url(&format!("https://{service}.{name}.{suffix}/"))
            .map_err(|why| GatherError::configuration(format!("the parameter region {why}")))
    }

    /// Whether a URL leads to this service of Amazon in the region, or to this machine. Other hosts below the suffix of the
    /// partition belong to customers: gateways, load balancers, instances, services behind endpoints.
    pub fn is_own_service(&self, service: &str, url: &Url) -> bool {
        let Self { name, suffix } = self;
        let is_of_service = |host: &str| {
            let own = [
                format!("{service}.{suffix}"),
                format!("{service}.{name}.{suffix}"),
                format!("{service}-fips.{name}.{suffix}"),
                // IPv6 and IPv4.
                format!("{service}.{name}.api.aws"),
            ];
            let of_vpc_endpoint = host.strip_suffix(&format!(".{service}.{name}.vpce.{suffix}"));
            own.iter().any(|own| own == host)
                || of_vpc_endpoint.is_some_and(|id| id.starts_with("vpce-") && !id.contains('.'))
        };
        is_loopback(url) || url.host_str().is_some_and(is_of_service)
    }
}

/// Reads a parameter with the URL of a service.
pub fn service_url(parameter: &str, text: &str) -> Result<Url, GatherError> {
    endpoint_url(text).map_err(|why| {
        GatherError::configuration(format!("the parameter {parameter} {why}"))
            .with_hint("for example https://vpce-0123.ec2.eu-central-1.vpce.amazonaws.com")
    })
}

/// Whether a name has the form of Amazon's regions: words, then a number.
fn is_amazon_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    let is_word = |word: &&str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.len() <= 63
        && words.len() >= 2
        && words.iter().all(is_word)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a name consists of the characters that a signature may contain.
fn is_word(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=63).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        parse_url(text).expect("a valid URL")
    }

    #[test]
    fn every_partition_has_its_suffix() {
        for (region, host) in [
            ("us-east-1", "ec2.us-east-1.amazonaws.com"),
            ("mx-central-1", "ec2.mx-central-1.amazonaws.com"),
            ("cn-northwest-1", "ec2.cn-northwest-1.amazonaws.com.cn"),
            ("us-gov-west-1", "ec2.us-gov-west-1.amazonaws.com"),
            ("eusc-de-east-1", "ec2.eusc-de-east-1.amazonaws.eu"),
            ("us-iso-east-1", "ec2.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", "ec2.us-isob-east-1.sc2s.sgov.gov"),
            ("eu-isoe-west-1", "ec2.eu-isoe-west-1.cloud.adc-e.uk"),
            ("us-isof-south-1", "ec2.us-isof-south-1.csp.hci.ic.gov"),
        ] {
            let service = Region::new(&format!(" {region} "), false).expect("a region");
            let service = service.service("ec2").expect("a URL");
            assert_eq!(service.as_str(), format!("https://{host}/"));
        }
    }

    #[test]
    fn rejects_names_that_are_not_regions() {
        for name in ["", "us-east", "us-east-1.evil.example", "us-east-1/", "US-EAST-1", "a@b-c-1"]
        {
            let error = Region::new(name, false).expect_err(name);
            assert_eq!(error.hint.as_deref(), Some("use a code such as eu-central-1"), "{name}");
        }
        let error = Region::new("us-east-1a", false).expect_err("a zone");
        let hint = "it is a zone: set region to us-east-1 and zone to us-east-1a";
        assert_eq!(error.hint.as_deref(), Some(hint));
        assert_eq!(Region::new("RegionOne", true).expect("private").name, "RegionOne");
        assert!(Region::new("Region/One", true).is_err());
    }

    #[test]
    fn a_service_is_amazons_only_under_its_own_names() {
        let region = Region::new("eu-central-1", false).expect("a region");
        for (text, is_own) in [
            ("https://ec2.eu-central-1.amazonaws.com/", true),
            ("https://ec2-fips.eu-central-1.amazonaws.com/", true),
            ("https://ec2.eu-central-1.api.aws/", true),
            ("https://vpce-0-1.ec2.eu-central-1.vpce.amazonaws.com/", true),
            ("https://vpce-0-1-eu-central-1a.ec2.eu-central-1.vpce.amazonaws.com/", true),
            ("https://localhost:8443/", true),
            ("http://127.0.0.1:8443/", true),
            ("http://[::1]:8443/", true),
            ("https://amazonaws.com.example.com/", false),
            ("https://evilamazonaws.com/", false),
            ("https://ec2.eu-central-1.amazonaws.com.cn/", false),
            ("https://169.254.169.254/", false),
            // Hosts of customers.
            ("https://a1b2c3.execute-api.eu-central-1.amazonaws.com/", false),
            ("https://ec2-198-51-100-7.eu-central-1.compute.amazonaws.com/", false),
            ("https://ec2.eu-central-1.elb.amazonaws.com/", false),
            ("https://vpce-0-1.vpce-svc-2.eu-central-1.vpce.amazonaws.com/", false),
            ("https://ec2.s3.amazonaws.com/", false),
            ("https://sts.eu-central-1.amazonaws.com/", false),
        ] {
            assert_eq!(region.is_own_service("ec2", &url(text)), is_own, "{text}");
        }
        assert!(region.is_own_service("sts", &url("https://sts.amazonaws.com/")));
    }
}
