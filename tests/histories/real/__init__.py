"""Histories of real processes: a server over PostgreSQL, apps, agents; kills are kill -9."""
