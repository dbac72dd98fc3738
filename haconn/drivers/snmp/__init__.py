"""PDUs over SNMP v1 and v2c: probe one, read its outlets, switch an outlet.

boundary.py turns requests into bytes and bytes into answers (the only file that knows pysnmp),
exchange.py moves them, status.py and layout.py say what they mean, device.py is what others use.
"""

from haconn.drivers.snmp.device import Pdu, PduAddress
from haconn.drivers.snmp.layout import FirmwareChanged, Layout, NotUsable

__all__ = ["FirmwareChanged", "Layout", "NotUsable", "Pdu", "PduAddress"]
