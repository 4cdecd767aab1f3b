"""OTLP profiles, v1development: the one place that knows this version of the signal.

The signal is not stable: names and numbers of fields change, and the package's name with them. Source:
opentelemetry-proto, profiles/v1development/profiles.proto and what it imports.
"""

from __future__ import annotations

from flarego.formats.structure import Schema

HTTP_PATH = "/v1/profiles"
RPC_PATH = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"
REQUEST, RESPONSE = "ExportProfilesServiceRequest", "ExportProfilesServiceResponse"
STATUS = "Status"
"""google.rpc.Status, the body of an HTTP error."""

SCHEMA = Schema({
    REQUEST: "resource_profiles=1:ResourceProfiles* dictionary=2:ProfilesDictionary",
    RESPONSE: "partial_success=1:ExportProfilesPartialSuccess",
    "ExportProfilesPartialSuccess": "rejected_profiles=1:int64 error_message=2:string",
    STATUS: "code=1:int32 message=2:string",
    "ProfilesDictionary": "mapping_table=1:Mapping* location_table=2:Location* function_table=3:Function*"
                          " string_table=5:string* attribute_table=6:KeyValueAndUnit* stack_table=7:Stack*",
    "ResourceProfiles": "resource=1:Resource scope_profiles=2:ScopeProfiles*",
    "Resource": "attributes=1:KeyValue*",
    "ScopeProfiles": "scope=1:InstrumentationScope profiles=2:Profile*",
    "InstrumentationScope": "name=1:string version=2:string",
    "Profile": "sample_type=1:ValueType samples=2:Sample* time_unix_nano=3:fixed64 duration_nano=4:uint64"
               " period_type=5:ValueType period=6:int64 profile_id=7:id attribute_indices=11:int32*",
    "ValueType": "type_strindex=1:int32 unit_strindex=2:int32",
    "Sample": "stack_index=1:int32 attribute_indices=2:int32* values=4:int64* timestamps_unix_nano=5:fixed64*",
    "Mapping": "filename_strindex=4:int32",
    "Stack": "location_indices=1:int32*",
    "Location": "mapping_index=1:int32 address=2:uint64 lines=3:Line* attribute_indices=4:int32*",
    "Line": "function_index=1:int32 line=2:int64",
    "Function": "name_strindex=1:int32 system_name_strindex=2:int32 filename_strindex=3:int32",
    "KeyValueAndUnit": "key_strindex=1:int32 value=2:AnyValue unit_strindex=3:int32",
    "KeyValue": "key=1:string value=2:AnyValue key_strindex=3:int32",
    "AnyValue": "string_value=1:string bool_value=2:bool int_value=3:int64 double_value=4:double"
                " string_value_strindex=8:int32",
})  # fmt: skip
"""What is read and written of each message; what is not named is stepped over."""
