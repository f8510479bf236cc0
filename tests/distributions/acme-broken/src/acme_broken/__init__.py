"""Plugins that are broken, each in one way, as a real distribution of somebody's: none of it may hurt a run that did not
select it."""
