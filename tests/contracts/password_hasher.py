"""What every PasswordHasher promises. An adapter's test class inherits this and gives `hasher`."""

import asyncio

import pytest

from faultmaven_domain.auth import PasswordHasher


class PasswordHasherContract:
    @pytest.fixture
    def hasher(self) -> PasswordHasher:
        raise NotImplementedError

    async def test_knows_the_password_again(self, hasher: PasswordHasher) -> None:
        """The right password passes, another does not."""
        hash = await hasher.hash("correct horse")

        assert await hasher.verify("correct horse", hash)
        assert not await hasher.verify("Correct horse", hash)

    async def test_does_not_show_the_password(self, hasher: PasswordHasher) -> None:
        """Two hashes of one password differ, and neither contains it."""
        one, two = await asyncio.gather(hasher.hash("correct horse"), hasher.hash("correct horse"))

        assert one != two
        assert "correct" not in one

    async def test_nobody_passes_without_a_hash(self, hasher: PasswordHasher) -> None:
        """An account without a password lets nobody in."""
        assert not await hasher.verify("correct horse", None)
        assert not await hasher.verify("", None)

    async def test_a_damaged_hash_lets_nobody_in(self, hasher: PasswordHasher) -> None:
        """A hash that is none refuses, and does not break."""
        assert not await hasher.verify("correct horse", "no hash")

    async def test_takes_any_unicode(self, hasher: PasswordHasher) -> None:
        """Passwords are text in any script."""
        assert await hasher.verify("пароль 🔑", await hasher.hash("пароль 🔑"))
