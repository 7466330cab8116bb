"""Who asks, in tests."""

from faultmaven_domain.kernel.principal import ADMIN, USER, Principal

ANA, BOB = Principal(user_id="usr_ana"), Principal(user_id="usr_bob")
ROOT = Principal(user_id="usr_root", roles=(USER, ADMIN))
