"""The settings of the core and of the built-in plugins by name, for shell completion; a test holds them equal."""

SETTING_NAMES = {
    "operator-tool": "listeners plan_samples reconnect_s plugin_call_s plugin_answer_s",
    "local": "",
    "mock": "script seed companion_dir",
    "openssh": "host port user key_file use_agent known_hosts config_file program connect_timeout_s keepalive_s",
    "replay": "file pace companion patience_s",
    "ssh": "host port user key_file use_agent known_hosts config_file connect_timeout_s keepalive_s",
    "api": (
        "base_url path waypoints_path api_key api_key_file api_key_command api_key_keyring ca_file "
        "connect_timeout_s read_timeout_s request_timeout_s wait_budget_s max_bytes id_field name_field "
        "waypoints_field ordinal_field lat_field lon_field alt_field alt_frame_field objective_field "
        "source_field"
    ),
    "file": "format max_bytes",
    "jsonlog": "path",
    "progress": "",
    "record": "file",
    "c10": (
        "cache_root python agent_dir mount_point allow_volatile_root machine companion_id artefacts "
        "required_files signing_key keep_free_bytes lock_wait_s silence_s no_progress_s stuck_s run_s"
    ),
    "folder": "path layout projection tile_size min_zoom max_zoom attribution dataset",
    "mbtiles": "path layout projection tile_size",
    "pmtiles": (
        "api_key api_key_file api_key_command api_key_keyring api_key_header public_url ca_file headers "
        "max_connections max_rate max_pause_s redirect_hosts proxy no_tile_headers no_tile_sha256 "
        "bulk_download attribution dataset bounds min_zoom max_zoom projection path url tile_size"
    ),
    "satellite": (
        "api_key api_key_file api_key_command api_key_keyring api_key_header public_url ca_file headers "
        "max_connections max_rate max_pause_s redirect_hosts proxy no_tile_headers no_tile_sha256 "
        "bulk_download attribution dataset bounds min_zoom max_zoom projection absent_status url tiles_path "
        "inventory_path tile_size"
    ),
    "synthetic": "seed quality connections",
    "wmts": (
        "api_key api_key_file api_key_command api_key_keyring api_key_header public_url ca_file headers "
        "max_connections max_rate max_pause_s redirect_hosts proxy no_tile_headers no_tile_sha256 "
        "bulk_download attribution dataset bounds min_zoom max_zoom projection absent_status url layer style "
        "matrix_set format dimensions"
    ),
    "xyz": (
        "api_key api_key_file api_key_command api_key_keyring api_key_header public_url ca_file headers "
        "max_connections max_rate max_pause_s redirect_hosts proxy no_tile_headers no_tile_sha256 "
        "bulk_download attribution dataset bounds min_zoom max_zoom projection absent_status url subdomains "
        "tile_size"
    ),
}
"""The keys of each, with a blank between two."""
