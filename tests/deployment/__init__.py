"""The image and the composed services, read as they stand and run without an engine; two nodes on one database."""
