// What is said where no GPU works. No GPU is needed, and none is used.
#include "llm/train/device.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "llm/common/failure.h"
#include "llm/testing/tiny_model.h"

namespace hearth::llm::train {
namespace {

class DeviceTest : public ::testing::Test {
 protected:
  DeviceTest() { places_.devices = folder_.path(); }
  void make_node(const std::string& name) { std::ofstream(folder_.path() / name) << ""; }
  std::string refusal() const {
    try {
      choose_device(DeviceChoice::cuda, places_);
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind(), FailureKind::usage);
      return failure.what();
    }
    return "none";
  }
  // `automatic` goes on, on the processor, and gives the same reason.
  void expect_obstacle(const std::string& words) const {
    EXPECT_NE(refusal().find(words), std::string::npos) << refusal();
    const ChosenDevice chosen = choose_device(DeviceChoice::automatic, places_);
    EXPECT_TRUE(chosen.device.is_cpu());
    EXPECT_NE(chosen.reason.find(words), std::string::npos) << chosen.reason;
  }

  testing::TemporaryFolder folder_;
  DevicePlaces places_;
};

TEST_F(DeviceTest, AMachineWithoutAGpuSaysSo) {
  make_node("nvidiactl");  // not a GPU
  make_node("nvidia-uvm");
  expect_obstacle("this machine has no NVIDIA GPU");
}

TEST_F(DeviceTest, AGpuWithoutItsHalfOfLibtorchSaysWhereToGetIt) {
  make_node("nvidia3");
  places_.cuda_library = "/nowhere/libtorch_cuda.so";
  expect_obstacle("./dev setup");
  expect_obstacle("/nowhere/libtorch_cuda.so");
}

TEST_F(DeviceTest, ALibraryThatOffersNoGpuIsTheDriversFault) {
  make_node("nvidia0");
  places_.cuda_library = "libz.so.1";  // loads, and registers nothing
  expect_obstacle("needs a driver");
}

TEST_F(DeviceTest, TheProcessorNeedsNoReason) {
  make_node("nvidia0");
  EXPECT_TRUE(choose_device(DeviceChoice::cpu, places_).device.is_cpu());
}

}  // namespace
}  // namespace hearth::llm::train
