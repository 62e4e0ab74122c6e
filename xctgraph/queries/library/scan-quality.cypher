MATCH (s:Scan)
WHERE ($sample = '' OR s.sample = $sample) AND ($quality = 'any' OR NOT coalesce(s.suspect, false))
RETURN s.scan_id AS scan_id, s.sample AS sample, s.t AS t, s.acquired_at AS acquired_at, s.snr AS snr, s.contrast AS contrast,
       s.ring_strength AS ring_strength, s.reliable_diameter AS reliable_diameter, s.suspect AS suspect,
       s.suspect_reason AS suspect_reason
ORDER BY scan_id
