SELECT s.item_code, s.name, s.department_code, d.name AS department, s.eligibility, s.at_home, COALESCE(s.synthetic, FALSE) AS synthetic
FROM district.service_item AS s LEFT JOIN organization.department AS d ON d.department_code = s.department_code
ORDER BY s.item_code
