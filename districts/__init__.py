"""Who uses govlake: data only, one folder a district. No code belongs here."""
