"""The database: tables, migrations, one module per family of queries. SQLAlchemy stays here."""
