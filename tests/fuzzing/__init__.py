"""Requests that nobody in their right mind would send, and lives of grants that nobody would lead."""
