-- A split or merge writes several entries for one key in one version, hence the entry number.
SELECT
  address_key,
  version,
  ROW_NUMBER() OVER (PARTITION BY address_key, version ORDER BY event, successor_key, former_path, detail) AS entry_no,
  event,
  former_path,
  successor_key,
  detail
FROM addresses.passports
ORDER BY address_key, version, entry_no
