"""ISO 4217 currency codes."""

from __future__ import annotations

from typing import Final

NO_CURRENCY: Final = "X" * 3
"""The code that says that a value is in no currency."""

_CURRENT: Final = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE "
    "CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF "
    "GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR "
    "LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN "
    "PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS "
    "TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC "
    "XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA YER ZAR ZMW ZWG"
)
CURRENT: Final = frozenset(_CURRENT.split()) | {NO_CURRENCY}
"""List one of ISO 4217: the codes in use, with funds, metals and the code for testing."""

_WITHDRAWN: Final = (
    "ADP AFA ANG ATS AZM BEF BGL BGN BYB BYR CSD CUC CYP DEM ECS EEK ESP FIM FRF GHC GRD HRK IEP ITL LTL LUF LVL "
    "MGF MRO MTL MZM NLG PTE ROL RUR SDD SIT SKK SLL SRG STD TMM TPE TRL USS VEB VEF XFU YUM ZMK ZWD ZWL ZWN ZWR"
)
WITHDRAWN: Final = frozenset(_WITHDRAWN.split())
"""List three of ISO 4217, those withdrawn since 2000: an event's time may lie in the years of a former currency."""

CODES: Final = CURRENT | WITHDRAWN


def normal_currency(text: str) -> str | None:
    """The code in upper case, as it is stored; None for a text that is no ISO 4217 code.

    It may be sent in any case. Our decision: ISO 4217 writes its codes in upper case,
    and no code differs from another by its case alone.
    """
    if text in CODES:
        return text
    upper = text.upper() if text.isascii() else ""
    return upper if upper in CODES else None
