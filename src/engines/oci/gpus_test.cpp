// No GPU is needed: the library, /proc/driver/nvidia and /dev are the test's own.
#include "engines/oci/gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>

#include "engines/oci/bundle.h"

namespace hearth::oci {
namespace {
namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

class GpusTest : public ::testing::Test {
 protected:
  GpusTest() {
    std::string pattern = (fs::temp_directory_path() / "hearth-gpus-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    places_ = {.nvml_library = FAKE_NVML_LIBRARY, .driver = folder_ / "driver", .devices = folder_ / "dev"};
    fs::create_directories(places_.devices);
    ::setenv("FAKE_NVML", (folder_ / "gpus").c_str(), 1);
    // The minor numbers are not in PCI order, as on many a real machine.
    nvml_says(
        "GPU-aaaa;NVIDIA L4;1;23034;512;80;40;61;70500\n"
        "GPU-bbbb;NVIDIA L4;0;23034;0;0;0;35;-\n");
    kernel_says("0000:01:00.0", "GPU-aaaa", 1);
    kernel_says("0000:02:00.0", "GPU-bbbb", 0);
  }
  ~GpusTest() override {
    ::unsetenv("FAKE_NVML");
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  void nvml_says(const std::string& lines) { std::ofstream(folder_ / "gpus") << lines; }
  void kernel_says(const std::string& address, const std::string& uuid, int minor) {
    fs::create_directories(places_.driver / "gpus" / address);
    std::ofstream(places_.driver / "gpus" / address / "information")
        << "Model: \t\t NVIDIA L4\nIRQ:   \t\t 42\nGPU UUID: \t " << uuid << "\nBus Location: \t " << address
        << "\nDevice Minor: \t " << minor << "\n";
  }
  // Nodes of devices that do no harm when opened; only root can make them.
  void make_nodes(const std::vector<std::string>& names) {
    for (unsigned i = 0; i < names.size(); ++i)
      if (::mknod((places_.devices / names[i]).c_str(), S_IFCHR | 0666, makedev(195, i)) != 0)
        GTEST_SKIP() << "DEVICE NODES CANNOT BE MADE HERE: not root";
  }

  fs::path folder_;
  GpuPlaces places_;
};

TEST_F(GpusTest, TheLibraryTellsWhatTheHostHasInPciOrder) {
  const auto gpus = Gpus(places_).list();
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_EQ(gpus[0].uuid, "GPU-aaaa");
  EXPECT_EQ(gpus[0].name, "NVIDIA L4");
  EXPECT_EQ(gpus[0].memory_bytes, std::uint64_t{23034} << 20);
  EXPECT_EQ(gpus[1].uuid, "GPU-bbbb");
}

TEST_F(GpusTest, AGpuThatFellOffTheBusIsNotThere) {
  const Gpus gpus(places_);
  nvml_says("lost;;;;;;;;\nGPU-bbbb;NVIDIA L4;0;23034;0;0;0;35;-\n");
  EXPECT_THAT(gpus.list(), ElementsAre(Field(&HostGpu::uuid, "GPU-bbbb")));
  const auto grant = gpus.grant({"GPU-aaaa"});
  ASSERT_FALSE(grant);
  EXPECT_EQ(grant.error().kind(), ErrorKind::unavailable);
}

TEST_F(GpusTest, WithoutTheLibraryTheKernelTellsAndMemoryIsUnknown) {
  make_nodes({"nvidia0", "nvidia1"});
  places_.nvml_library = "/nowhere/libnvidia-ml.so.1";
  const Gpus gpus(places_);
  const auto found = gpus.list();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].uuid, "GPU-aaaa");
  EXPECT_EQ(found[0].name, "NVIDIA L4");
  EXPECT_EQ(found[0].memory_bytes, 0U);
  EXPECT_THAT(gpus.usage({"GPU-aaaa"}), IsEmpty());
}

TEST_F(GpusTest, WithoutALibraryAGpuWithoutItsNodeIsAnotherContainers) {
  make_nodes({"nvidia0"});
  places_.nvml_library = "/nowhere/libnvidia-ml.so.1";
  EXPECT_THAT(Gpus(places_).list(), ElementsAre(Field(&HostGpu::uuid, "GPU-bbbb")));
}

TEST_F(GpusTest, AHostWithoutADriverHasNone) {
  EXPECT_THAT(Gpus({.nvml_library = "/nowhere/lib.so", .driver = "/nowhere", .devices = "/nowhere"}).list(), IsEmpty());
  ::unsetenv("FAKE_NVML");  // the library is there, but finds no driver
  const auto opened = Nvml::open(FAKE_NVML_LIBRARY);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().detail(), "Driver Not Loaded");
}

TEST_F(GpusTest, ALibraryThatIsNotNvidiasIsRefused) {
  const auto opened = Nvml::open("libc.so.6");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message(), "NVIDIA's management library is too old");
}

TEST_F(GpusTest, UsageIsWhatEachGpuTells) {
  const auto usage = Gpus(places_).usage({"GPU-bbbb", "GPU-aaaa", "GPU-gone"});
  ASSERT_EQ(usage.size(), 3U);
  EXPECT_EQ(usage[0].power_watts, std::nullopt);
  EXPECT_EQ(usage[0].temperature_celsius, 35);
  EXPECT_EQ(usage[1].name, "NVIDIA L4");
  EXPECT_EQ(usage[1].utilization_percent, 80);
  EXPECT_EQ(usage[1].memory_utilization_percent, 40);
  EXPECT_EQ(usage[1].memory_used_bytes, std::uint64_t{512} << 20);
  EXPECT_EQ(usage[1].memory_total_bytes, std::uint64_t{23034} << 20);
  EXPECT_EQ(usage[1].power_watts, 70.5);
  EXPECT_EQ(usage[2].utilization_percent, std::nullopt);
}

TEST_F(GpusTest, AnInstanceGetsTheNodesOfItsGpusAndNoOthers) {
  make_nodes({"nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-modeset", "nvidia-nvswitch0"});
  const auto grant = Gpus(places_).grant({"GPU-aaaa"});
  ASSERT_TRUE(grant) << grant.error().message();
  std::vector<std::string> names;
  for (const auto& node : grant->nodes) names.push_back(node.path_inside);
  EXPECT_THAT(names, ElementsAre("/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm"));
  EXPECT_EQ(grant->nodes[0].major, 195U);
  EXPECT_EQ(grant->nodes[0].minor, 1U);
  EXPECT_THAT(grant->hidden_paths, ElementsAre((places_.driver / "gpus/0000:02:00.0").string()));

  BundlePlan plan{.root = "/root", .boot_folder = "/boot", .cgroup_path = "/hearth/i-1", .cpus = {0}, .gpus = *grant};
  const auto configuration = boost::json::parse(bundle_configuration(InstanceSpec{}, plan));
  const auto& allowed = configuration.at_pointer("/linux/resources/devices").as_array();
  ASSERT_EQ(allowed.size(), 4U);
  EXPECT_FALSE(allowed[0].at("allow").as_bool()) << "everything else is refused";
  EXPECT_EQ(allowed[1].at("minor").to_number<int>(), 1);
  EXPECT_THAT(configuration.at_pointer("/linux/maskedPaths").as_array(),
              Contains(boost::json::value(boost::json::string(grant->hidden_paths.front()))));
  const auto& environment = configuration.at_pointer("/process/env").as_array();
  EXPECT_THAT(environment, Contains(boost::json::value("NVIDIA_VISIBLE_DEVICES=GPU-aaaa")));
}

TEST_F(GpusTest, GpusAreNumberedInPciOrderWhateverTheOrderOfTheRequest) {
  make_nodes({"nvidia0", "nvidia1"});
  const auto grant = Gpus(places_).grant({"GPU-bbbb", "GPU-aaaa"});
  ASSERT_TRUE(grant) << grant.error().message();
  EXPECT_THAT(grant->uuids, ElementsAre("GPU-aaaa", "GPU-bbbb"));
}

TEST_F(GpusTest, AMachineWithoutGpusSeesNone) {
  make_nodes({"nvidia0", "nvidia1", "nvidiactl"});
  const auto grant = Gpus(places_).grant({});
  ASSERT_TRUE(grant);
  EXPECT_THAT(grant->nodes, IsEmpty());
  EXPECT_EQ(grant->hidden_paths.size(), 2U);
  const auto configuration = boost::json::parse(bundle_configuration(InstanceSpec{}, {.gpus = *grant}));
  const auto& environment = configuration.at_pointer("/process/env").as_array();
  EXPECT_THAT(environment, Contains(boost::json::value("NVIDIA_VISIBLE_DEVICES=void")));
}

TEST(MountedDriverFiles, AreTheOnesAContainerEngineMounted) {
  EXPECT_THAT(mounted_driver_files("640 620 0:52 / / rw,relatime - overlay overlay rw\n"
                                   "641 640 8:1 /usr/lib/libcuda.so.550.54 /usr/lib/x86_64-linux-gnu/libcuda.so.550.54 "
                                   "ro,nosuid - ext4 /dev/sda1 rw\n"
                                   "642 640 8:1 /usr/bin/nvidia-smi /usr/bin/nvidia-smi ro,nosuid - ext4 /dev/sda1 rw\n"
                                   "643 640 0:5 /nvidia0 /dev/nvidia0 ro - devtmpfs devtmpfs rw\n"),
              ElementsAre("/usr/lib/x86_64-linux-gnu/libcuda.so.550.54", "/usr/bin/nvidia-smi"));
}

}  // namespace
}  // namespace hearth::oci
