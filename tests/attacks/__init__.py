"""The attacks that must fail, one file a group, numbered as in the catalogue of threats, each beside a good use."""
