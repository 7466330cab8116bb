"""The TLS a client of Redis speaks. Less than full verification is always somebody's word, and never a default."""

import ssl

from faultmaven_domain.kernel.errors import Misconfigured

from .address import Tls, Verification


def context_of(tls: Tls) -> ssl.SSLContext:
    """Reads the files. Raises: Misconfigured naming the variable of one that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except OSError as error:  # what OpenSSL says of a file is one too
        raise Misconfigured(f"REDIS_TLS_CA: {tls.ca} holds no certificate that can be read.") from error
    if tls.certificate is not None:
        try:
            context.load_cert_chain(tls.certificate, tls.key, password=_refused)
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"REDIS_TLS_CERT, REDIS_TLS_KEY: {tls.certificate} and {tls.key} are no certificate with its plain key."
            ) from error
    if tls.verification is not Verification.FULL:
        context.check_hostname = False
    if tls.verification is Verification.NONE:
        context.verify_mode = ssl.CERT_NONE
    return context


def _refused() -> str:
    """OpenSSL would ask at the terminal for a key's pass phrase. Raises: ValueError."""
    raise ValueError("the key has a pass phrase")
