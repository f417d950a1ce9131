"""A school's register as OneRoster's CSV bundle: read, compared with what stands, carried out."""
