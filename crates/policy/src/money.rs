//! Money: whole numbers of a currency's smallest unit. Two currencies are never compared.

use std::fmt;

/// A currency by its ISO 4217 code, as in `USD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// The codes of ISO 4217 that stand for money in use, ascending.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
                     CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
                     GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD \
                     KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO \
                     NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE \
                     SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV \
                     WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

impl Currency {
    /// Reads a code of ISO 4217, in capitals.
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 3] = text.as_bytes().try_into().ok()?;
        CODES.split(' ').any(|known| known == text).then_some(Self(code))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        // Made of a text in `parse`, and nowhere else.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Digits after the point: an amount of 1,234 is 12.34 US dollars, 1,234 yen and 1.234 Kuwaiti dinars.
    pub fn digits(self) -> usize {
        match self.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND"
            | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        }
    }

    /// An amount in the smallest unit as people read it, as in `5,000.00 USD`.
    pub fn spell(self, amount: i64) -> String {
        let unit = 10_u64.pow(u32::try_from(self.digits()).unwrap_or(0));
        let (whole, part) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
        let sign = if amount < 0 { "-" } else { "" };
        let whole = crate::explain::grouped(whole.cast_signed());
        match self.digits() {
            0 => format!("{sign}{whole} {self}"),
            digits => format!("{sign}{whole}.{part:0digits$} {self}"),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_list() {
        for code in CODES.split(' ') {
            assert_eq!(Currency::parse(code).unwrap().as_str(), code);
        }
        for code in ["", "US", "usd", "USDT", "XXX", "BTC", "US ", "DEM"] {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
    }

    #[test]
    fn amounts_are_spelled_with_the_digits_of_the_currency() {
        for (code, amount, text) in [
            ("USD", 500_000, "5,000.00 USD"),
            ("USD", -5, "-0.05 USD"),
            ("JPY", 500_000, "500,000 JPY"),
            ("KWD", 1_234_567, "1,234.567 KWD"),
            ("EUR", 0, "0.00 EUR"),
        ] {
            assert_eq!(Currency::parse(code).unwrap().spell(amount), text);
        }
        assert_eq!(Currency::parse("USD").unwrap().spell(i64::MIN), "-92,233,720,368,547,758.08 USD");
    }
}
