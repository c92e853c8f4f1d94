SELECT
  r.category_1,
  r.category_2,
  r.category_3,
  r.street,
  r.valid_from,
  r.valid_to,
  r.department_code,
  -- The category counts before the street: a leaf's own department answers in every street.
  CAST(
    CASE WHEN r.category_3 <> '*' THEN 4 WHEN r.category_2 <> '*' THEN 2 ELSE 0 END + CASE WHEN r.street <> '*' THEN 1 ELSE 0 END AS BIGINT
  ) AS specificity,
  r.valid_from <= c.as_of_date AND (r.valid_to IS NULL OR r.valid_to > c.as_of_date) AS is_current,
  COALESCE(r.synthetic, FALSE) AS synthetic
FROM district.responsibility AS r CROSS JOIN run.clock AS c
ORDER BY r.category_1, r.category_2, r.category_3, r.street, r.valid_from
