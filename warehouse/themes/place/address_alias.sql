SELECT DISTINCT address_key, alias, COALESCE(kind, 'alias') AS kind
FROM addresses.aliases
ORDER BY address_key, alias, kind
