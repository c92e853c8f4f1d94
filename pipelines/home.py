"""Homes and districts for the command; the functions live with the stages that use them."""

from assets.home import HOME_VARIABLE, Home, HomeBusy, district_folder, open_home, shipped_districts

__all__ = ["HOME_VARIABLE", "Home", "HomeBusy", "district_folder", "open_home", "shipped_districts"]
