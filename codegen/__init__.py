"""Official API models plus the overlays in models/ -> C++ types, tables and service pages."""
